"""Charts that describe a data set: classes, box sizes, visibility of keypoints. PNG bytes, without a title."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posekit.errors import ShapeError
from posekit.schema.schema import KeypointSchema
from posekit.viz.chart_style import (
    LIGHT,
    SMALL,
    Look,
    Rgb,
    draw_bars,
    drawable,
    new_chart,
    png_bytes,
    prepare_rows,
    rgb,
    rows_height,
    say_nothing_to_show,
    styled,
)
from posekit.viz.colors import CLASS_COLORS, pose_colors

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Values = NDArray[np.float64]

# Units of all charts, so that they stand side by side in a report.
WIDTH, SQUARE_HEIGHT = 500.0, 420.0
ROWS_EXTRA = 52.0  # of charts with rows, for what stands above and below them
LONGEST_NAME = 20
MOST_CLASSES = 40
SIZE_BINS = 40
BAR = CLASS_COLORS[0]
VISIBILITY_NAMES = ("not labelled (0)", "hidden (1)", "visible (2)")
QUARTERS = (np.linspace(0, 1, 5), ["0 %", "25 %", "50 %", "75 %", "100 %"])

LONGEST_POINT = 18
MOST_NAMES = 44  # more names than this find no room
NAME_GAP = 15.0  # least distance of names below each other, units
BOX_MARGIN = 0.12  # points may lie outside of their box
NAME_EDGE = 0.3  # names begin this far from the box, as a share of its width


def class_count_chart(counts: ArrayLike, names: Sequence[str], *, look: Look = LIGHT) -> bytes:
    """Draw a bar per class, (C,) objects, the largest first; beyond 40 classes the smallest are only summed up.

    Raises:
        ShapeError: there are not as many names as counts.
    """
    numbers = np.asarray(counts, float)
    _check_rows(numbers, (len(names),), "class counts")
    order = np.argsort(-numbers, kind="stable").tolist()
    shown = order if len(order) <= MOST_CLASSES else order[: MOST_CLASSES - 1]
    labels, values = [names[i] for i in shown], [float(numbers[i]) for i in shown]
    texts = [f"{value:,.0f}" for value in values]
    if rest := order[len(shown) :]:
        # The rest has no bar: it would dwarf the others.
        labels, values = [*labels, f"{len(rest)} more classes"], [*values, 0.0]
        texts.append(f"{numbers[rest].sum():,.0f} together")
    with styled(look):
        figure = new_chart(WIDTH, rows_height(len(labels)) + ROWS_EXTRA)
        axes = figure.subplots()
        prepare_rows(axes, [drawable(name, LONGEST_NAME) for name in labels], len(labels))
        draw_bars(axes, values, texts, BAR)
        axes.set(xlim=(0, max([*values, 1.0])), xticks=[])
        if not values:
            say_nothing_to_show(axes, "no classes")
        return png_bytes(figure)


def visibility_chart(counts: ArrayLike, names: Sequence[str], *, look: Look = LIGHT) -> bytes:
    """Draw how often each keypoint is visible, hidden and not labelled, as shares of a bar.

    Args:
        counts: (K, 3) how often each keypoint has visibility 0, 1 and 2.
        names: K keypoint names.
        look: colours.

    Raises:
        ShapeError: the counts do not fit the names.
    """
    from matplotlib.patches import Patch

    numbers = np.asarray(counts, float)
    _check_rows(numbers, (len(names), len(VISIBILITY_NAMES)), "visibility counts")
    sums = numbers.sum(axis=1, keepdims=True)
    shares = np.divide(numbers, sums, out=np.zeros_like(numbers), where=sums > 0)
    start = np.zeros(len(names))
    with styled(look):
        figure = new_chart(WIDTH, rows_height(len(names)) + ROWS_EXTRA + 28)
        axes = figure.subplots()
        prepare_rows(axes, [drawable(name, LONGEST_NAME) for name in names], len(names))
        kinds = []
        # The best kind stands at the axis, where lengths compare best.
        for level, color in ((2, rgb(CLASS_COLORS[0])), (1, rgb(CLASS_COLORS[5])), (0, look.grid)):
            axes.barh(range(len(names)), shares[:, level], height=0.62, left=start, color=color)
            kinds.append(Patch(color=color, label=VISIBILITY_NAMES[level]))
            start = start + shares[:, level]
        axes.set_xlim(0, 1)
        axes.set_xticks(*QUARTERS)
        if not numbers.any():
            say_nothing_to_show(axes, "no labelled keypoints")
        figure.legend(handles=kinds, loc="outside upper right", ncols=3, handlelength=1, handleheight=1)
        return png_bytes(figure)


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
    stops: list[tuple[float, Rgb | str]] = [(0.0, look.paper), (0.5, rgb(BAR)), (1.0, look.ink)]
    with styled(look):
        figure = new_chart(WIDTH, SQUARE_HEIGHT)
        places = figure.subplot_mosaic([["upper", "."], ["", "right"]], width_ratios=(7, 1), height_ratios=(1, 6))
        axes, upper, right = places[""], places["upper"], places["right"]
        if len(values):
            colors = LinearSegmentedColormap.from_list("boxes", stops)
            norm = PowerNorm(0.5, 0, float(grid.max()))
            axes.pcolormesh(edges, edges, np.ma.masked_equal(grid.T, 0), cmap=colors, norm=norm, rasterized=True)
        else:
            say_nothing_to_show(axes, "no boxes")
        axes.set_xticks(*QUARTERS)
        axes.set_yticks(*QUARTERS)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="box width, share of the picture", ylabel="box height")
        upper.bar(edges[:-1], grid.sum(axis=1), width=1 / SIZE_BINS, align="edge", color=look.quiet)
        right.barh(edges[:-1], grid.sum(axis=0), height=1 / SIZE_BINS, align="edge", color=look.quiet)
        upper.set_xlim(0, 1)
        right.set_ylim(0, 1)
        upper.set_axis_off()
        right.set_axis_off()
        return png_bytes(figure)


def _check_rows(values: NDArray[np.float64], expected: tuple[int, ...], what: str) -> None:
    if values.shape != expected and values.size:
        raise ShapeError(f"{what} of shape {values.shape}: expected {expected}")


def mean_pose_chart(points: ArrayLike, schema: KeypointSchema, *, look: Look = LIGHT) -> bytes:
    """Draw the mean place of each keypoint within its box, with the limbs between them.

    A joint at the wrong place, or left at the right of right, tells of mixed-up labels.

    Args:
        points: (K, 2) x, y as fractions of the box, from its upper left corner; NaN for points never labelled. What
            lies far outside of the box stands at its edge.
        schema: names, limbs and sides of the points.
        look: colours.

    Raises:
        ShapeError: the points do not fit the schema.
    """
    places = np.asarray(points, float)
    if places.shape != (schema.count, 2):
        raise ShapeError(f"mean keypoints of shape {places.shape}, but the schema names {schema.count} points")
    places = np.where(np.isfinite(places), places.clip(-BOX_MARGIN, 1 + BOX_MARGIN), np.nan)
    known = np.flatnonzero(np.isfinite(places).all(axis=1))
    with styled(look):
        figure = new_chart(WIDTH, SQUARE_HEIGHT)
        axes = figure.subplots()
        axes.set(xlim=(-NAME_EDGE, 1 + NAME_EDGE), ylim=(1 + BOX_MARGIN, -BOX_MARGIN))
        axes.set_axis_off()
        axes.plot([0, 1, 1, 0, 0], [0, 0, 1, 1, 0], color=look.quiet, linewidth=1.2, linestyle=(0, (4, 3)))
        if not len(known):
            say_nothing_to_show(axes, "no labelled keypoints")
        if len(known) <= MOST_NAMES:
            _write_names(axes, places, known, schema, look)
        _draw_pose(axes, places, known, schema, look)
        return png_bytes(figure)


def spread_apart(wanted: Values, gap: float, low: float, high: float) -> Values:
    """Return increasing places (N,) near the increasing `wanted` ones, between `low` and `high`.

    They are `gap` apart, or less where so many find no room.
    """
    gap = min(gap, (high - low) / max(len(wanted) - 1, 1))
    steps = gap * np.arange(len(wanted))
    # Pushed down by those above, then up by the lower end: differences to evenly stepped places stay increasing.
    pushed: Values = np.maximum.accumulate(np.maximum(wanted, low + steps) - steps)
    spread: Values = np.minimum(pushed, high - gap * max(len(wanted) - 1, 0)) + steps
    return spread


def _draw_pose(axes: "Axes", places: Values, known: NDArray[np.int64], schema: KeypointSchema, look: Look) -> None:
    colors = pose_colors(schema)
    for limb, color in zip(schema.skeleton, colors.limbs, strict=True):
        ends = places[list(limb)]
        if np.isfinite(ends).all():
            axes.plot(ends[:, 0], ends[:, 1], color=rgb(color), linewidth=3.5, solid_capstyle="round", zorder=3)
    size = 8.0 if len(known) <= MOST_NAMES else 5.0
    for i in known.tolist():
        axes.plot(*places[i], "o", color=rgb(colors.points[i]), markersize=size, markeredgecolor=look.ink, zorder=4)


def _write_names(axes: "Axes", places: Values, known: NDArray[np.int64], schema: KeypointSchema, look: Look) -> None:
    """Write the names in two columns beside the box, each with a thin line to its point."""
    gap = NAME_GAP * (1 + 2 * BOX_MARGIN) / SQUARE_HEIGHT
    ranked = known[np.argsort(places[known, 0], kind="stable")]
    half = len(ranked) // 2
    for column, edge, away, align in (
        (ranked[:half], -NAME_EDGE, -1, "right"),
        (ranked[half:], 1 + NAME_EDGE, 1, "left"),
    ):
        column = column[np.argsort(places[column, 1], kind="stable")]
        heights = spread_apart(places[column, 1], gap, -BOX_MARGIN, 1 + BOX_MARGIN)
        for i, y in zip(column.tolist(), heights.tolist(), strict=True):
            line = [places[i, 0], edge - 0.09 * away, edge - 0.05 * away], [places[i, 1], y, y]
            axes.plot(*line, color=look.quiet, linewidth=0.8, zorder=2)
            name = drawable(schema.names[i], LONGEST_POINT)
            axes.text(edge - 0.02 * away, y, name, ha=align, va="center_baseline", fontsize=SMALL)
