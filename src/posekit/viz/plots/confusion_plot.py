"""The confusion matrix as a heat map, for one class and for hundreds."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
    plain_number,
    rgb,
    save_figure,
)
from posekit.viz.plots.lettering import drawable, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

Matrix = NDArray[np.float64]

BACKGROUND = "background"
MOST_CELLS_WITH_NUMBERS = 30
LONGEST_NAME = 22
# The heat map grows with the number of classes, between these sides in units, until names find no room.
LEAST_SIDE, CELL, MOST_SIDE = 440.0, 13.0, 1600.0
SMALLEST_TEXT = 6.5
LETTER = 0.62  # width of a letter per text height


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
    cells = _column_shares(counts) if normalize else counts
    side = float(np.clip(size * CELL, LEAST_SIDE, MOST_SIDE))
    labels = [drawable(name, LONGEST_NAME) for name in (*names, BACKGROUND)]
    text_size = float(np.clip(side / size * 0.78, SMALLEST_TEXT, TEXT))
    longest = max(map(len, labels)) * text_size * LETTER
    upright = longest > side / size
    margin = longest + 52
    figure = new_figure(margin + side + 96, 76 + side + (margin if upright else text_size + 56))
    axes = add_axes(figure, (margin, 76, side, side))
    title = "Confusion matrix, shares of the true class" if normalize else "Confusion matrix, number of objects"
    add_title(figure, title, _note(counts))
    highest = 1.0 if normalize else max(float(counts.max()), 1.0)
    image = _draw_cells(axes, cells, highest)
    _name_cells(axes, labels, text_size, upright=upright)
    if size <= MOST_CELLS_WITH_NUMBERS:
        _write_numbers(axes, cells, highest, side / size, "{:.2f}" if normalize else "{:,.0f}")
    _add_scale(figure, image, (margin + side + 20, 76, 14, min(side, LEAST_SIDE)), highest)
    save_figure(figure, path)


def _column_shares(counts: Matrix) -> Matrix:
    """Divide by the column sums; columns without objects stay 0."""
    sums = counts.sum(axis=0, keepdims=True)
    shares: Matrix = np.divide(counts, sums, out=np.zeros_like(counts), where=sums > 0)
    return shares


def _note(counts: Matrix) -> str:
    objects, right = counts[:, :-1].sum(), np.trace(counts[:-1, :-1])
    missed, invented = counts[-1, :-1].sum(), counts[:-1, -1].sum()
    return f"{objects:,.0f} objects: {right:,.0f} right, {missed:,.0f} missed; {invented:,.0f} found in the background"


def _draw_cells(axes: "Axes", cells: Matrix, highest: float) -> "AxesImage":
    """Colour the cells from 0 to `highest` by their root, so that rare mistakes are seen beside large classes."""
    from matplotlib.colors import PowerNorm

    shown = np.ma.masked_array(cells, mask=np.zeros(cells.shape, bool))
    shown[-1, -1] = np.ma.masked
    image = axes.imshow(shown, cmap=_colors(), norm=PowerNorm(0.5, 0, highest), interpolation="nearest")
    axes.grid(visible=False)
    lines = np.arange(1, len(cells)) - 0.5
    # White seams make cells of equal colour countable.
    axes.hlines(lines, -0.5, len(cells) - 0.5, color=LIGHT.paper, linewidth=0.6)
    axes.vlines(lines, -0.5, len(cells) - 0.5, color=LIGHT.paper, linewidth=0.6)
    for spine in axes.spines.values():
        spine.set_visible(True)
    return image


def _colors() -> "Colormap":
    """Return white to the palette's navy; a pale grey where there is no value."""
    from matplotlib.colors import LinearSegmentedColormap

    stops: list[tuple[float, Rgb | str]] = [(0.0, "#f5f7fa"), (0.45, "#7fa8dc"), (1.0, rgb(CLASS_COLORS[6]))]
    return LinearSegmentedColormap.from_list("posekit", stops).with_extremes(bad=LIGHT.grid)


def _name_cells(axes: "Axes", labels: Sequence[str], text_size: float, *, upright: bool) -> None:
    """Write the class names at both axes; of very many classes only some."""
    step = max(int(np.ceil(len(labels) * SMALLEST_TEXT * 1.15 / MOST_SIDE)), 1)
    places = [i for i in range(len(labels)) if i % step == 0 or i == len(labels) - 1]
    texts = [labels[i] for i in places]
    axes.set_xticks(places, texts, fontsize=text_size, rotation=90 if upright else 0, color=LIGHT.ink)
    axes.set_yticks(places, texts, fontsize=text_size, color=LIGHT.ink)
    axes.set_xlabel("True class", fontsize=TEXT, color=LIGHT.muted, labelpad=10)
    axes.set_ylabel("Predicted class", fontsize=TEXT, color=LIGHT.muted, labelpad=10)


def _write_numbers(axes: "Axes", cells: Matrix, highest: float, cell_side: float, form: str) -> None:
    """Write the values into the cells, except zeros in large matrices and where there is no meaning."""
    size = len(cells)
    texts = [[form.format(value) for value in row] for row in cells.tolist()]
    widest = max(len(text) for row in texts for text in row)
    text_size = float(np.clip(cell_side / (widest * LETTER) * 0.84, 5, 20 if size < 5 else TEXT))
    for row, column in np.ndindex(cells.shape):
        if (row, column) == (size - 1, size - 1) or (cells[row, column] == 0 and size > 4):
            continue
        value = cells[row, column]
        color = LIGHT.paper if value > highest / 4 else LIGHT.ink
        axes.text(
            column,
            row,
            shortened(texts[row][column], 12) if value else "0",
            ha="center",
            va="center",
            fontsize=text_size,
            color=color if value else LIGHT.quiet,
        )


def _add_scale(figure: "Figure", image: "AxesImage", place: tuple[float, float, float, float], highest: float) -> None:
    """Add the bar that tells which colour stands for which value."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    bar = add_axes(figure, place)
    figure.colorbar(image, cax=bar, format=FuncFormatter(plain_number))
    bar.tick_params(length=0, labelsize=SMALL, labelcolor=LIGHT.muted)
    bar.yaxis.set_major_locator(MaxNLocator(5, integer=highest > 1))
    for spine in bar.spines.values():
        spine.set_visible(False)
