"""What a validation draws: curves over recall and confidence, the confusion matrix, and bars per keypoint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posekit.errors import ShapeError
from posekit.files.writing import write_whole
from posekit.viz.chart_style import (
    LIGHT,
    SMALL,
    TEXT,
    TITLE,
    Rgb,
    draw_bars,
    drawable,
    line_color,
    new_chart,
    png_bytes,
    prepare_rows,
    rgb,
    rows_height,
    say_nothing_to_show,
    shortened,
    styled,
)
from posekit.viz.colors import CLASS_COLORS, Color

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

Values = NDArray[np.float64]

WIDTH, HEIGHT = 900.0, 600.0  # of curves, units
MOST_NAMED_CLASSES = 20
LONGEST_NAME = 22
# Beyond the first colours they look more alike: dashes tell these lines apart as well.
SOLID_LINES = 10

BACKGROUND = "background"
MOST_CELLS_WITH_NUMBERS = 30
# The heat map grows with the number of classes, between these sides in units, until names find no room.
LEAST_SIDE, CELL, MOST_SIDE = 440.0, 13.0, 1600.0
SMALLEST_TEXT = 6.5
LETTER = 0.6  # width of a letter, as a share of its size

NAME_KEY = "keypoint"
LONGEST_KEYPOINT = 24
KEYPOINTS_WIDTH = 960.0


def save_pr_curve(
    recall: ArrayLike,
    precision: ArrayLike,
    ap50: ArrayLike,
    names: Sequence[str],
    path: str | Path,
    *,
    title: str = "Precision and recall",
) -> None:
    """Write the precision-recall chart, a PNG of 1350 x 900 pixels.

    2 to 20 classes have a coloured line and a name, more are thin and grey; their mean is bold.

    Args:
        recall: (P,) increasing, 0 to 1.
        precision: (C, P) envelope per class, 0 to 1.
        ap50: (C,) average precision per class.
        names: C class names.
        path: where to; folders are made.
        title: of the chart.

    Raises:
        ShapeError: the lengths do not fit together.
        OutputError: the file cannot be written.
    """
    x, curves, scores = np.asarray(recall, float), np.asarray(precision, float), np.asarray(ap50, float)
    curves = _checked(x, curves, names)
    if scores.shape != (len(names),):
        raise ShapeError(f"ap50 has shape {scores.shape}, but there are {len(names)} class names")
    _save_curves(
        _Curves(
            x=x,
            curves=curves,
            names=names,
            scores=scores,
            mean_score=float(scores.mean()) if len(names) else 0.0,
            # The best class first, as the lines lie above each other.
            order=np.argsort(-scores, kind="stable").tolist(),
            title=title,
            note=f"mAP50 {scores.mean():.3f}, {_bold(names)}" if len(names) else "",
            axes=("Recall", "Precision"),
        ),
        path,
    )


def save_confidence_curve(
    confidence: ArrayLike,
    values: ArrayLike,
    names: Sequence[str],
    path: str | Path,
    label: str,
    *,
    title: str | None = None,
    operating_confidence: float | None = None,
) -> None:
    """Write the chart of F1, precision or recall over confidence, a PNG of 1350 x 900 pixels.

    Lines as in `save_pr_curve`; the legend gives each class's value at the operating point, else its largest.

    Args:
        confidence: (P,) increasing, 0 to 1.
        values: (C, P) per class, 0 to 1.
        names: C class names.
        path: where to; folders are made.
        label: what the values are: "F1", "Precision", "Recall".
        title: of the chart; None names label and confidence.
        operating_confidence: marked when given: the confidence at which the scores of the run are read.

    Raises:
        ShapeError: the lengths do not fit together.
    """
    x = np.asarray(confidence, float)
    curves = _checked(x, np.asarray(values, float), names)
    scores, mean_score, note, mark = np.zeros(len(curves)), 0.0, "", None
    if curves.size:
        mean = curves.mean(axis=0)
        at = None if operating_confidence is None else int(np.abs(x - operating_confidence).argmin())
        shown = int(mean.argmax()) if at is None else at
        scores, mean_score = curves.max(axis=1) if at is None else curves[:, at], float(mean[shown])
        mark = None if at is None else (float(x[at]), float(mean[at]))
        word = "highest" if at is None else label
        note = f"{word} {mean_score:.3f} at confidence {x[shown]:.3f}, {_bold(names)}"
    _save_curves(
        _Curves(
            x=x,
            curves=curves,
            names=names,
            scores=scores,
            mean_score=mean_score,
            order=range(len(names)),
            title=f"{label} by confidence" if title is None else title,
            note=note,
            axes=("Confidence", label),
            mark=mark,
        ),
        path,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Curves:
    """What is drawn: x (P,), curves (C, P), and per class a name, a score for the legend and a place in it.

    `mean_score` is the legend's score of their mean, `mark` the operating point, x and y.
    """

    x: Values
    curves: Values
    names: Sequence[str]
    scores: Values
    mean_score: float
    order: Sequence[int]
    title: str
    note: str
    axes: tuple[str, str]
    mark: tuple[float, float] | None = None


def _save_curves(plot: _Curves, path: str | Path) -> None:
    """Draw the classes, their mean, and the operating point."""
    with styled():
        figure = new_chart(WIDTH, HEIGHT, plot.title, plot.note)
        axes = figure.subplots()
        axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel=drawable(plot.axes[0]), ylabel=drawable(plot.axes[1]))
        if not plot.curves.size:
            say_nothing_to_show(axes, "no labelled objects: there is nothing to measure")
        elif len(plot.names) <= MOST_NAMED_CLASSES:
            _draw_named(axes, plot)
        else:
            axes.plot(plot.x, plot.curves.T, color=LIGHT.quiet, linewidth=0.7, alpha=0.8, clip_on=False)
            _draw_mean(axes, plot)
        if plot.mark is not None:
            axes.axvline(plot.mark[0], color=LIGHT.muted, linewidth=1, linestyle=(0, (4, 3)), zorder=1.5)
            axes.plot(*plot.mark, "o", color=LIGHT.ink, markersize=8, markeredgecolor=LIGHT.paper, zorder=5)
        write_whole(path, png_bytes(figure))


def _draw_named(axes: "Axes", plot: _Curves) -> None:
    """Draw one coloured line per class, and of several classes their mean and a legend ``0.812  name``."""
    for i in plot.order:
        axes.plot(
            plot.x,
            plot.curves[i],
            color=line_color(i),
            linewidth=3.0 if len(plot.names) == 1 else 1.6,
            linestyle="-" if i < SOLID_LINES else (0, (5, 1.5)),
            label=f"{plot.scores[i]:.3f}  {drawable(plot.names[i], LONGEST_NAME)}",
            clip_on=False,
        )
    if len(plot.names) > 1:
        _draw_mean(axes, plot)
        handles, labels = axes.get_legend_handles_labels()
        # The mean was drawn last, to lie on top, but is read first.
        axes.legend(
            [handles[-1], *handles[:-1]],
            [labels[-1], *labels[:-1]],
            loc="upper left",
            bbox_to_anchor=(1.03, 1.0),
            fontsize=SMALL if len(labels) > MOST_NAMED_CLASSES // 2 else TEXT,
        )


def _draw_mean(axes: "Axes", plot: _Curves) -> None:
    label = f"{plot.mean_score:.3f}  all classes"
    axes.plot(plot.x, plot.curves.mean(axis=0), color=LIGHT.ink, linewidth=3, clip_on=False, label=label)


def _bold(names: Sequence[str]) -> str:
    """Return what the bold line is, for the note under the title."""
    return drawable(names[0], 60) if len(names) == 1 else f"mean of {len(names)} classes (bold)"


def _checked(x: Values, curves: Values, names: Sequence[str]) -> Values:
    """Return (C, P) curves, also for none; refuse those that fit neither the x axis nor the names."""
    if not len(names) and not curves.size:
        return np.zeros((0, len(x)))
    if x.ndim != 1 or curves.shape != (len(names), len(x)):
        raise ShapeError(
            f"curves of shape {curves.shape} do not fit {len(names)} class names and an x axis of shape {x.shape}"
        )
    return curves


def save_confusion_matrix(matrix: ArrayLike, names: Sequence[str], path: str | Path, *, normalize: bool) -> None:
    """Write the confusion matrix as a PNG, some 900 pixels wide for one class, 2000 for eighty.

    Numbers stand in the cells of up to 29 classes. The cell background-background has no meaning and stays empty.

    Args:
        matrix: (C + 1, C + 1) counts, ``[predicted, true]``; the last row are missed objects, the last column
            background taken for an object.
        names: C class names.
        path: where to; folders are made.
        normalize: divide by the column sums, so that a column tells where the objects of a class went.

    Raises:
        ShapeError: the matrix does not fit the names.
        OutputError: the file cannot be written.
    """
    counts = np.nan_to_num(np.asarray(matrix, float))
    size = len(names) + 1
    if counts.shape != (size, size):
        raise ShapeError(f"a confusion matrix of shape {counts.shape} for {size - 1} classes: expected {(size, size)}")
    sums = counts.sum(axis=0, keepdims=True)
    cells = np.divide(counts, sums, out=np.zeros_like(counts), where=sums > 0) if normalize else counts
    highest = 1.0 if normalize else max(float(counts.max()), 1.0)
    side = float(np.clip(size * CELL, LEAST_SIDE, MOST_SIDE))
    with styled():
        figure = new_chart(side, side)
        figure.set_layout_engine("none")
        axes = figure.add_axes((0, 0, 1, 1))  # all else hangs around them, and the picture grows with it
        image = _draw_cells(axes, cells, highest)
        _name_cells(axes, [drawable(name, LONGEST_NAME) for name in (*names, BACKGROUND)], side / size)
        if size <= MOST_CELLS_WITH_NUMBERS:
            _write_numbers(axes, cells, highest, side / size, "{:.2f}" if normalize else "{:,.0f}")
        bar = axes.inset_axes((1 + 20 / side, 1 - LEAST_SIDE / side, 14 / side, LEAST_SIDE / side))
        scale = figure.colorbar(image, cax=bar, format="{x:,.10g}")
        scale.outline.set_visible(False)
        bar.locator_params(axis="y", nbins=5, integer=highest > 1)
        place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points"}
        title = "Confusion matrix, shares of the true class" if normalize else "Confusion matrix, number of objects"
        axes.annotate(title, (0, 1), (0, 41), fontsize=TITLE, fontweight="bold", **place)
        axes.annotate(_counted(counts), (0, 1), (0, 20), color=LIGHT.muted, **place)
        write_whole(path, png_bytes(figure, grown=True))


def _counted(counts: Values) -> str:
    objects, right = counts[:, :-1].sum(), np.trace(counts[:-1, :-1])
    missed, invented = counts[-1, :-1].sum(), counts[:-1, -1].sum()
    return f"{objects:,.0f} objects: {right:,.0f} right, {missed:,.0f} missed; {invented:,.0f} found in the background"


def _draw_cells(axes: "Axes", cells: Values, highest: float) -> "AxesImage":
    """Colour the cells from 0 to `highest` by their root, so that rare mistakes are seen beside large classes."""
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm

    shown = np.ma.masked_array(cells, mask=np.zeros(cells.shape, bool))
    shown[-1, -1] = np.ma.masked
    # White to the palette's navy; a pale grey where there is no value.
    stops: list[tuple[float, Rgb | str]] = [(0.0, "#f5f7fa"), (0.45, "#7fa8dc"), (1.0, rgb(CLASS_COLORS[6]))]
    colors = LinearSegmentedColormap.from_list("posekit", stops).with_extremes(bad=LIGHT.grid)
    image = axes.imshow(shown, cmap=colors, norm=PowerNorm(0.5, 0, highest), interpolation="nearest")
    axes.grid(visible=False)
    lines = np.arange(1, len(cells)) - 0.5
    # White seams make cells of equal colour countable.
    axes.hlines(lines, -0.5, len(cells) - 0.5, color=LIGHT.paper, linewidth=0.6)
    axes.vlines(lines, -0.5, len(cells) - 0.5, color=LIGHT.paper, linewidth=0.6)
    for spine in axes.spines.values():
        spine.set_visible(True)
    return image


def _name_cells(axes: "Axes", labels: Sequence[str], cell: float) -> None:
    """Write the class names at both axes, upright where they are wider than a cell; of very many only some."""
    step = max(int(np.ceil(len(labels) * SMALLEST_TEXT * 1.15 / MOST_SIDE)), 1)
    places = [i for i in range(len(labels)) if i % step == 0 or i == len(labels) - 1]
    texts = [labels[i] for i in places]
    text_size = float(np.clip(cell * 0.78, SMALLEST_TEXT, TEXT))
    upright = max(map(len, labels)) * text_size * LETTER > cell
    axes.set_xticks(places, texts, fontsize=text_size, rotation=90 if upright else 0, color=LIGHT.ink)
    axes.set_yticks(places, texts, fontsize=text_size, color=LIGHT.ink)
    axes.set(xlabel="True class", ylabel="Predicted class")


def _write_numbers(axes: "Axes", cells: Values, highest: float, cell: float, form: str) -> None:
    """Write the values into the cells, except zeros in large matrices and where there is no meaning."""
    size = len(cells)
    texts = [[form.format(value) for value in row] for row in cells.tolist()]
    widest = max(len(text) for row in texts for text in row)
    text_size = float(np.clip(cell / (widest * LETTER) * 0.84, 5, 20 if size < 5 else TEXT))
    for row, column in np.ndindex(cells.shape):
        value = cells[row, column]
        if (row, column) == (size - 1, size - 1) or (value == 0 and size > 4):
            continue
        color = LIGHT.paper if value > highest / 4 else LIGHT.ink if value else LIGHT.quiet
        text = shortened(texts[row][column], 12) if value else "0"
        axes.text(column, row, text, ha="center", va="center", fontsize=text_size, color=color)


@dataclass(frozen=True)
class _Column:
    """One of the small multiples: a key of the rows, its title, and whether values are shares up to 1 or per cent."""

    key: str
    title: str
    width: float
    share: bool
    color: Color


_COLUMNS = (
    _Column("oks", "OKS contribution", 330, True, CLASS_COLORS[0]),
    _Column("mean_error", "Error, share of object size", 220, False, CLASS_COLORS[14]),
    _Column("swap_rate", "Left-right swaps", 150, False, CLASS_COLORS[14]),
)


def save_keypoint_plot(rows: Sequence[Mapping[str, object]], path: str | Path) -> None:
    """Write the bars of K keypoints as a PNG of 1440 pixels width, in the order given.

    Args:
        rows: one per keypoint: ``keypoint`` (its name), ``oks`` (mean OKS contribution, 0 to 1), ``mean_error``
            (mean distance as a share of the object's size) and ``swap_rate`` (share of the points nearer to
            the truth of their mirror point, 0 to 1). NaN or None stands for a value that does not exist.
        path: where to; folders are made.

    Raises:
        ShapeError: a row lacks one of the keys, or a value is no number.
        OutputError: the file cannot be written.
    """
    names = [drawable(str(_value(row, NAME_KEY)), LONGEST_KEYPOINT) for row in rows]
    values = {column.key: np.array([_number(row, column.key) for row in rows]) for column in _COLUMNS}
    with styled():
        figure = new_chart(KEYPOINTS_WIDTH, rows_height(len(rows)) + 160, "Keypoints", _oks_note(names, values["oks"]))
        panels = figure.subplots(1, len(_COLUMNS), width_ratios=[column.width for column in _COLUMNS])
        for axes, column in zip(panels, _COLUMNS, strict=True):
            prepare_rows(axes, names if column is _COLUMNS[0] else (), len(rows))
            axes.set_title(column.title)
            _draw_column(axes, column, values[column.key])
        if not rows:
            say_nothing_to_show(panels[0], "no keypoints to measure")
        write_whole(path, png_bytes(figure))


def _draw_column(axes: "Axes", column: _Column, values: Values) -> None:
    """Draw the bars of one value of all keypoints; what does not exist is a dash."""
    known = values[np.isfinite(values)]
    top = 1.0 if column.share else _round_up(float(known.max(initial=0)))
    axes.set_xlim(0, top)
    axes.set_xticks(np.linspace(0, top, 5 if column.share else 3))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.2f}" if column.share else f"{100 * value:g} %")
    form = "{:.2f}" if column.share else "{:.1%}"
    texts = [form.format(value).replace("%", " %") if np.isfinite(value) else "\u2013" for value in values.tolist()]
    draw_bars(axes, values, texts, column.color)
    if column.share and len(known):
        axes.axvline(float(known.mean()), color=LIGHT.ink, linewidth=1, linestyle=(0, (3, 3)))


def _round_up(value: float) -> float:
    """Return the next round number, at least 0.01."""
    if value <= 0.01:
        return 0.01
    power = 10 ** np.floor(np.log10(value))
    return float(next(step for step in (1, 1.6, 2, 3, 4, 5, 6, 8, 10) if step * power >= value * (1 - 1e-9)) * power)


def _oks_note(names: Sequence[str], oks: Values) -> str:
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
