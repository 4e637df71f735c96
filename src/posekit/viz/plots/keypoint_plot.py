"""Which joint is bad: bars per keypoint, OKS contribution, error and left-right swaps side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from posekit.errors import ShapeError
from posekit.viz.palette import CLASS_COLORS
from posekit.viz.plots.figure import (
    LIGHT,
    SMALL,
    TEXT,
    Rgb,
    add_axes,
    add_title,
    new_figure,
    rgb,
    save_figure,
    say_nothing_to_show,
)
from posekit.viz.plots.lettering import drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class _Column:
    """One of the small multiples.

    Attributes:
        key: of the rows.
        title: above the bars.
        width: units.
        share: whether values lie between 0 and 1, and the axis shows all of that.
        color: of the bars.
    """

    key: str
    title: str
    width: float
    share: bool
    color: Rgb


NAME_KEY = "keypoint"
_COLUMNS = (
    _Column("oks", "OKS contribution", 330, True, rgb(CLASS_COLORS[0])),
    _Column("mean_error", "Error, share of object size", 200, False, rgb(CLASS_COLORS[14])),
    _Column("swap_rate", "Left-right swaps", 150, False, rgb(CLASS_COLORS[14])),
)
LONGEST_NAME = 24
TOP, BOTTOM, GAP, VALUE_ROOM = 104.0, 40.0, 20.0, 54.0


def save_keypoint_plot(rows: Sequence[Mapping[str, object]], path: str | Path) -> None:
    """Write the bars of K keypoints as a PNG of about 1440 pixels width, in the order given.

    Args:
        rows: one per keypoint: ``keypoint`` (its name), ``oks`` (mean OKS contribution, 0 to 1), ``mean_error``
            (mean distance as a share of the object's size) and ``swap_rate`` (share of the points nearer to
            the truth of their mirror point, 0 to 1). NaN or None stands for a value that does not exist.
        path: where to; folders are made.

    Raises:
        ShapeError: a row lacks one of the keys, or a value is no number.
        OutputError: the file cannot be written.
    """
    names = [drawable(str(_value(row, NAME_KEY)), LONGEST_NAME) for row in rows]
    values = {column.key: np.array([_number(row, column.key) for row in rows]) for column in _COLUMNS}
    row_height = 26.0 if len(rows) <= 40 else 15.0
    height = max(len(rows), 4) * row_height
    left = 34 + 7.2 * max([len(name) for name in names], default=12)
    width = left + sum(column.width + VALUE_ROOM + GAP for column in _COLUMNS)
    figure = new_figure(width, TOP + height + BOTTOM)
    add_title(figure, "Keypoints", _note(names, values["oks"]))
    x = left
    for column in _COLUMNS:
        axes = _add_panel(figure, (x, TOP, column.width + VALUE_ROOM, height), column, len(rows))
        if x == left:
            axes.set_yticks(range(len(rows)), names, fontsize=TEXT if row_height > 20 else SMALL, color=LIGHT.ink)
            if not rows:
                say_nothing_to_show(axes, "no keypoints to measure")
        _draw_bars(axes, column, values[column.key])
        x += column.width + VALUE_ROOM + GAP
    save_figure(figure, path)


def _add_panel(figure: "Figure", place: tuple[float, float, float, float], column: _Column, rows: int) -> "Axes":
    axes = add_axes(figure, place)
    axes.grid(visible=False, axis="y")
    axes.set_ylim(max(rows, 1) - 0.4, -0.6)
    axes.set_yticks([])
    axes.set_title(column.title, loc="left", fontsize=TEXT, color=LIGHT.ink, pad=10)
    axes.spines["bottom"].set_visible(False)
    return axes


def _draw_bars(axes: "Axes", column: _Column, values: NDArray[np.float64]) -> None:
    """Draw one bar per keypoint with its value at the end; the room for values lies right of the scale."""
    known = np.isfinite(values)
    longest = float(values[known].max(initial=0))
    top = 1.0 if column.share else _round_up(longest)
    axes.set_xlim(0, top * (1 + VALUE_ROOM / column.width))
    axes.set_xticks(np.linspace(0, top, 5 if column.share else 3))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.2f}" if column.share else f"{100 * value:g} %")
    axes.barh(np.flatnonzero(known), values[known], height=0.62, color=column.color)
    for row, value in enumerate(values.tolist()):
        at = value if np.isfinite(value) else 0.0
        axes.annotate(
            _written(value, column),
            (at, row),
            (5, 0),
            textcoords="offset points",
            va="center_baseline",
            fontsize=SMALL,
            color=LIGHT.ink,
            bbox={"facecolor": LIGHT.paper, "edgecolor": "none", "pad": 1},
        )
    if column.share and known.any():
        axes.axvline(float(values[known].mean()), color=LIGHT.ink, linewidth=1, linestyle=(0, (3, 3)))


def _written(value: float, column: _Column) -> str:
    if not np.isfinite(value):
        return "\u2013"
    return f"{value:.2f}" if column.share else f"{100 * value:.1f} %"


def _round_up(value: float) -> float:
    """Return the next round number, at least 0.01."""
    if value <= 0.01:
        return 0.01
    power = 10 ** np.floor(np.log10(value))
    return float(next(step for step in (1, 1.6, 2, 3, 4, 5, 6, 8, 10) if step * power >= value * (1 - 1e-9)) * power)


def _note(names: Sequence[str], oks: NDArray[np.float64]) -> str:
    known = np.flatnonzero(np.isfinite(oks))
    if not len(known):
        return "no labelled keypoints in matched objects"
    worst = known[np.argmin(oks[known])]
    return f"mean OKS contribution {oks[known].mean():.3f} (dashed); lowest: {names[worst]}, {oks[worst]:.3f}"


def _value(row: Mapping[str, object], key: str) -> object:
    if key not in row:
        raise ShapeError(f"a row of the keypoint table lacks {key!r}: it has {', '.join(map(str, row)) or 'nothing'}")
    return row[key]


def _number(row: Mapping[str, object], key: str) -> float:
    value = _value(row, key)
    if value is None:
        return float("nan")
    if not isinstance(value, (int, float, np.number)):
        raise ShapeError(f"{key!r} of a row of the keypoint table is {value!r}, not a number")
    return float(value)
