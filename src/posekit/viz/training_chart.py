"""How losses, metrics and learning rates went over a training: small multiples over epochs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from posekit.files.writing import write_whole
from posekit.viz.chart_style import (
    HEAD,
    LIGHT,
    SMALL,
    Rgb,
    drawable,
    line_color,
    new_chart,
    png_bytes,
    rgb,
    say_nothing_to_show,
    styled,
)
from posekit.viz.colors import CLASS_COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Values = NDArray[np.float64]
Style = str | tuple[float, tuple[float, float]]

COLUMNS = 4  # so many metrics has each part: boxes, masks and keypoints get a row of their own
WIDTH, ROW_HEIGHT = 1212.0, 214.0
SIGMA = 3.0  # of the smoothing, epochs
LONGEST_TITLE = 18  # of a panel, with what stands beside it
TRAIN_COLOR, VAL_COLOR, METRIC_COLOR = rgb(CLASS_COLORS[6]), rgb(CLASS_COLORS[7]), rgb(CLASS_COLORS[0])
RATE_COLORS = (6, 3, 9)
MOST_NAMED = 8  # learning rates that have a name beside the panel's title
# The rates are often equal: with gaps in turn, each shows through the others.
RATE_STYLES: tuple[Style, ...] = ("-", (0, (2, 4)), (3, (2, 4)))
PARTS = {"(B)": "boxes", "(P)": "pose", "(M)": "masks"}


@dataclass(frozen=True)
class _Line:
    column: str
    color: Rgb
    label: str = ""
    style: Style = "-"


@dataclass(frozen=True)
class _Panel:
    """One of the small multiples: a metric starts at 0 and tells its highest value, exact values are not smoothed."""

    title: str
    lines: tuple[_Line, ...]
    is_metric: bool = False
    exact: bool = False


def save_results_plot(rows: Sequence[Mapping[str, float]], path: str | Path) -> None:
    """Write the course of a training as a PNG, some 1800 pixels wide: dots per epoch under smoothed lines.

    Each loss has a panel with training and validation, each metric has one, and all learning rates share one. Lines
    are smoothed by a Gaussian of 3 epochs; values that are missing or not finite are left out.

    Args:
        rows: the rows of ``results.csv``, one per epoch: ``epoch``, ``time`` in seconds, ``train/...``, ``val/...``,
            ``metrics/...`` and ``lr/...``; other columns are ignored, and so is the lack of any.
        path: where to; folders are made.
    """
    columns = list(dict.fromkeys(column for row in rows for column in row))
    bands = _bands(_loss_panels(columns) + _rate_panels(columns)) + _bands(_metric_panels(columns))
    down = max(len(bands), 1)
    with styled():
        figure = new_chart(WIDTH, HEAD + down * ROW_HEIGHT, "Training", _note(rows))
        if not bands:
            say_nothing_to_show(figure.subplots(), "no epoch has ended yet")
        grid = figure.add_gridspec(down, COLUMNS, wspace=0.05)
        for y, band in enumerate(bands):
            for x, panel in enumerate(band):
                _draw_panel(figure.add_subplot(grid[y, x]), panel, rows)
        write_whole(path, png_bytes(figure))


def smoothed(values: Values) -> Values:
    """Return values (N,) smoothed by a Gaussian of 3 epochs, the ends continued by their last value."""
    from scipy.ndimage import gaussian_filter1d

    if not len(values):
        return values
    smooth: Values = gaussian_filter1d(values, SIGMA, mode="nearest")
    return smooth


def _loss_panels(columns: Sequence[str]) -> list[_Panel]:
    """Return a panel per loss, with the training's and the validation's line."""
    kinds = {"train/": (TRAIN_COLOR, "train"), "val/": (VAL_COLOR, "val")}
    lines: dict[str, list[_Line]] = {}
    for start, style in kinds.items():
        for column in columns:
            if column.startswith(start):
                lines.setdefault(column.removeprefix(start), []).append(_Line(column, *style))
    return [_Panel(drawable(name, LONGEST_TITLE), tuple(both)) for name, both in lines.items()]


def _rate_panels(columns: Sequence[str]) -> list[_Panel]:
    """Return one panel with all learning rates; of very many none is named."""
    rates = [column for column in columns if column.startswith("lr/")]
    if len(rates) > MOST_NAMED:
        lines = tuple(_Line(column, line_color(RATE_COLORS[0]), "") for column in rates)
        return [_Panel(f"learning rate, {len(rates)} groups", lines, exact=True)]
    lines = tuple(
        _Line(column, line_color(RATE_COLORS[number % 3]), column.removeprefix("lr/"), RATE_STYLES[number % 3])
        for number, column in enumerate(rates)
    )
    return [_Panel("learning rate", lines, exact=True)] if lines else []


def _metric_panels(columns: Sequence[str]) -> list[_Panel]:
    names = [column.removeprefix("metrics/") for column in columns if column.startswith("metrics/")]
    return [_Panel(_spoken(name), (_Line(f"metrics/{name}", METRIC_COLOR),), is_metric=True) for name in names]


def _spoken(name: str) -> str:
    """Return ``mAP50, boxes`` for ``mAP50(B)``."""
    part = PARTS.get(name[-3:])
    return drawable(name if part is None else f"{name[:-3]}, {part}", LONGEST_TITLE)


def _bands(panels: Sequence[_Panel]) -> list[Sequence[_Panel]]:
    return [panels[i : i + COLUMNS] for i in range(0, len(panels), COLUMNS)]


def _draw_panel(axes: "Axes", panel: _Panel, rows: Sequence[Mapping[str, float]]) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_title(panel.title)
    epochs = np.array([row.get("epoch", number) for number, row in enumerate(rows, start=1)], float)
    axes.set_xlim(epochs.min() - 0.5, epochs.max() + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    for line in panel.lines:
        values = np.array([row.get(line.column, np.nan) for row in rows], float)
        known = np.isfinite(values)
        _draw_line(axes, line, epochs[known], values[known], exact=panel.exact)
        if panel.is_metric and known.any():
            best = int(np.nanargmax(np.where(known, values, np.nan)))
            aside = f"highest {values[best]:.3f} at {epochs[best]:g}"
            axes.set_title(aside, loc="right", fontsize=SMALL, color=LIGHT.muted)
            axes.set_ylim(0, max(float(values[best]) * 1.08, 0.01))
    if len(panel.lines) > 1 and panel.lines[0].label:
        # At the right above the panel, beside its title.
        axes.legend(loc="lower right", bbox_to_anchor=(1.02, 1.02), ncols=3, columnspacing=0.9, borderaxespad=0)


def _draw_line(axes: "Axes", line: _Line, epochs: Values, values: Values, *, exact: bool) -> None:
    """Draw values as they are: exact ones as a line, measured ones pale below their smoothed line."""
    if not exact:
        axes.plot(epochs, values, color=line.color, alpha=0.25, linewidth=1)
        size = 4.0 if len(values) <= 60 else 2.5
        axes.plot(epochs, values, "o", color=line.color, alpha=0.45, markersize=size, markeredgewidth=0, clip_on=False)
        values = smoothed(values)
    # A single epoch makes no line: a dot shows it.
    marker = "o" if len(values) == 1 else "none"
    axes.plot(epochs, values, color=line.color, linewidth=2, linestyle=line.style, marker=marker, label=line.label)


def _note(rows: Sequence[Mapping[str, float]]) -> str:
    """Return how many epochs there were and how long they took."""
    count = f"{len(rows)} epoch{'s' * (len(rows) != 1)}"
    seconds = rows[-1].get("time", np.nan) if rows else np.nan
    spent = f" in {_duration(seconds)}" if np.isfinite(seconds) else ""
    return f"{count}{spent}; dots: each epoch, lines: smoothed over {SIGMA:g} epochs"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
