"""Charts that describe a data set: classes, box sizes, visibility of keypoints. PNG bytes, without a title."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posekit.errors import ShapeError
from posekit.viz.palette import CLASS_COLORS
from posekit.viz.plots.figure import (
    LIGHT,
    SMALL,
    TEXT,
    Look,
    Rgb,
    add_axes,
    name_axes,
    new_figure,
    png_bytes,
    rgb,
    say_nothing_to_show,
)
from posekit.viz.plots.lettering import drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Units of all charts, so that they stand side by side in a report.
WIDTH, SQUARE_HEIGHT = 500.0, 420.0
ROW_HEIGHT, LOW_ROW_HEIGHT, MOST_HIGH_ROWS = 22.0, 13.0, 40
TOP, BOTTOM, RIGHT = 12.0, 40.0, 24.0
LONGEST_NAME, LETTER_WIDTH = 20, 7.3
MOST_CLASSES = 40
SIZE_BINS = 40
BAR = CLASS_COLORS[0]
VISIBILITY_NAMES = ("not labelled (0)", "hidden (1)", "visible (2)")


def class_count_chart(counts: ArrayLike, names: Sequence[str], *, look: Look = LIGHT) -> bytes:
    """Draw a bar per class, the largest first; beyond 40 classes the smallest are only summed up.

    Args:
        counts: (C,) objects per class.
        names: C class names.
        look: colours.

    Raises:
        ShapeError: there are not as many names as counts.
    """
    numbers = np.asarray(counts, float)
    _check_rows(numbers, (len(names),), "class counts")
    order = np.argsort(-numbers, kind="stable").tolist()
    shown = order if len(order) <= MOST_CLASSES else order[: MOST_CLASSES - 1]
    rest = order[len(shown) :]
    values = [float(numbers[i]) for i in shown]
    texts = [f"{value:,.0f}" for value in values] + [f"{numbers[rest].sum():,.0f} together"] * bool(rest)
    axes = _row_axes([names[i] for i in shown] + [f"{len(rest)} more classes"] * bool(rest), look)
    if not values:
        say_nothing_to_show(axes, "no classes", look)
    axes.barh(range(len(values)), values, height=0.62, color=rgb(BAR))
    axes.set_xlim(0, max([*values, 1.0]) * 1.18)  # room for the numbers
    # The rest has no bar: it would dwarf the others.
    for row, (value, text) in enumerate(zip([*values, 0.0], texts, strict=False)):
        axes.annotate(
            text,
            (value, row),
            (5, 0),
            textcoords="offset points",
            va="center_baseline",
            fontsize=SMALL,
            color=look.ink,
        )
    axes.set_xticks([])
    return _finished(axes)


def visibility_chart(counts: ArrayLike, names: Sequence[str], *, look: Look = LIGHT) -> bytes:
    """Draw how often each keypoint is visible, hidden and not labelled, as shares of a bar.

    Args:
        counts: (K, 3) how often each keypoint has visibility 0, 1 and 2.
        names: K keypoint names.
        look: colours.

    Raises:
        ShapeError: the counts do not fit the names.
    """
    numbers = np.asarray(counts, float)
    _check_rows(numbers, (len(names), len(VISIBILITY_NAMES)), "visibility counts")
    axes = _row_axes(names, look, header=28)
    if not numbers.any():
        say_nothing_to_show(axes, "no labelled keypoints", look)
    sums = numbers.sum(axis=1, keepdims=True)
    shares = np.divide(numbers, sums, out=np.zeros_like(numbers), where=sums > 0)
    start = np.zeros(len(names))
    # The best kind stands at the axis, where lengths compare best.
    for level, color in ((2, rgb(CLASS_COLORS[0])), (1, rgb(CLASS_COLORS[5])), (0, look.grid)):
        axes.barh(
            range(len(names)), shares[:, level], left=start, height=0.62, color=color, label=VISIBILITY_NAMES[level]
        )
        start = start + shares[:, level]
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        ncols=3,
        frameon=False,
        fontsize=SMALL,
        labelcolor=look.ink,
        handlelength=1,
        handleheight=1,
        columnspacing=1.6,
        borderaxespad=0.3,
    )
    return _finished(axes)


def box_size_chart(sizes: ArrayLike, *, look: Look = LIGHT) -> bytes:
    """Draw how many boxes have which width and height, with the distribution of each at the sides.

    Args:
        sizes: (N, 2) width and height as fractions of the picture; what is not finite is left out.
        look: colours.

    Raises:
        ShapeError: the sizes are not (N, 2).
    """
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm

    values = np.asarray(sizes, float)
    if values.ndim != 2 or values.shape[1] != 2:
        raise ShapeError(f"box sizes of shape {values.shape}: expected (N, 2), width and height")
    values = values[np.isfinite(values).all(axis=1)].clip(0, 1)
    edges = np.linspace(0, 1, SIZE_BINS + 1)
    grid, _, _ = np.histogram2d(values[:, 0], values[:, 1], (edges, edges))
    figure = new_figure(WIDTH, SQUARE_HEIGHT, look)
    left, side = 76.0, SQUARE_HEIGHT - 60 - 52
    axes = add_axes(figure, (left, 60, WIDTH - left - 84, side), look)
    stops: list[tuple[float, Rgb | str]] = [(0.0, look.paper), (0.5, rgb(CLASS_COLORS[0])), (1.0, look.ink)]
    colors = LinearSegmentedColormap.from_list("boxes", stops)
    if len(values):
        norm = PowerNorm(0.5, 0, float(grid.max()))
        axes.pcolormesh(edges, edges, np.ma.masked_equal(grid.T, 0), cmap=colors, norm=norm, rasterized=True)
    else:
        say_nothing_to_show(axes, "no boxes", look)
    shares = ["0 %", "25 %", "50 %", "75 %", "100 %"]
    axes.set_xticks(np.linspace(0, 1, 5), shares)
    axes.set_yticks(np.linspace(0, 1, 5), shares)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    name_axes(axes, "box width, share of the picture", "box height", look)
    upper = add_axes(figure, (left, 8, WIDTH - left - 84, 46), look)
    right = add_axes(figure, (WIDTH - 78, 60, 54, side), look)
    upper.bar(edges[:-1], grid.sum(axis=1), width=1 / SIZE_BINS, align="edge", color=look.quiet)
    right.barh(edges[:-1], grid.sum(axis=0), height=1 / SIZE_BINS, align="edge", color=look.quiet)
    upper.set_xlim(0, 1)
    right.set_ylim(0, 1)
    upper.set_axis_off()
    right.set_axis_off()
    return png_bytes(figure)


def _row_axes(names: Sequence[str], look: Look, header: float = 0.0) -> "Axes":
    """Return axes with one named row per bar, the first on top, `header` units below the upper edge."""
    labels = [drawable(name, LONGEST_NAME) for name in names]
    row_height = ROW_HEIGHT if len(labels) <= MOST_HIGH_ROWS else LOW_ROW_HEIGHT
    height = max(len(labels), 6) * row_height
    left = 24 + LETTER_WIDTH * max(map(len, labels), default=4)
    figure = new_figure(WIDTH, TOP + header + height + BOTTOM, look)
    axes = add_axes(figure, (left, TOP + header, WIDTH - left - RIGHT, height), look)
    axes.grid(visible=False, axis="y")
    axes.set_ylim(max(len(labels), 6) - 0.4, -0.6)
    text_size = TEXT if row_height == ROW_HEIGHT else SMALL
    axes.set_yticks(range(len(labels)), labels, fontsize=text_size, color=look.ink)
    axes.spines["bottom"].set_visible(False)
    return axes


def _finished(axes: "Axes") -> bytes:
    from matplotlib.figure import Figure

    figure = axes.figure
    assert isinstance(figure, Figure)
    return png_bytes(figure)


def _check_rows(values: NDArray[np.float64], expected: tuple[int, ...], what: str) -> None:
    if values.shape != expected and values.size:
        raise ShapeError(f"{what} of shape {values.shape}: expected {expected}")
