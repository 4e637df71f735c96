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
    TEXT,
    Look,
    Rgb,
    add_axes,
    drawable,
    name_axes,
    new_figure,
    png_bytes,
    rgb,
    say_nothing_to_show,
)
from posekit.viz.colors import CLASS_COLORS, pose_colors

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


WIDTHMeanPoseChart, HEIGHT = 500.0, 420.0


SIDE_ROOM = 140.0  # units left and right of the box, for the names


MARGIN = 20.0


LONGEST_POINT = 18


# More names than this find no room.
MOST_NAMES = 44


NAME_GAP = 15.0  # least distance of names below each other, units


BOX_MARGIN = 0.12  # points may lie outside of their box


Points = NDArray[np.float64]


def mean_pose_chart(points: ArrayLike, schema: KeypointSchema, *, look: Look = LIGHT) -> bytes:
    """Draw the mean place of each keypoint within its box, with the limbs between them.

    A joint at the wrong place, or left at the right of right, tells of mixed-up labels.

    Args:
        points: (K, 2) x, y as fractions of the box, from its upper left corner; NaN for points never labelled.
        schema: names, limbs and sides of the points.
        look: colours.

    Returns:
        A PNG; points far outside of the box stand at its edge.

    Raises:
        ShapeError: the points do not fit the schema.
    """
    places = np.asarray(points, float)
    if places.shape != (schema.count, 2):
        raise ShapeError(f"mean keypoints of shape {places.shape}, but the schema names {schema.count} points")
    places = np.where(np.isfinite(places), places.clip(-BOX_MARGIN, 1 + BOX_MARGIN), np.nan)
    figure = new_figure(WIDTHMeanPoseChart, HEIGHT, look)
    axes = add_axes(figure, (SIDE_ROOM, MARGIN, WIDTHMeanPoseChart - 2 * SIDE_ROOM, HEIGHT - 2 * MARGIN), look)
    axes.set(xlim=(-BOX_MARGIN, 1 + BOX_MARGIN), ylim=(1 + BOX_MARGIN, -BOX_MARGIN))
    axes.set_axis_off()
    _draw_box(axes, look)
    known = np.flatnonzero(np.isfinite(places).all(axis=1))
    if not len(known):
        say_nothing_to_show(axes, "no labelled keypoints", look)
    if len(known) <= MOST_NAMES:
        _write_names(axes, places, known, schema, look)
    _draw_pose(axes, places, known, schema, look)
    return png_bytes(figure)


def spread_apart(wanted: Points, gap: float, low: float, high: float) -> Points:
    """Return increasing places near the `wanted` ones, at least `gap` apart, between `low` and `high`.

    Args:
        wanted: (N,) increasing.
        gap: made smaller when N places find no room.
        low, high: where places must lie.
    """
    gap = min(gap, (high - low) / max(len(wanted) - 1, 1))
    steps = gap * np.arange(len(wanted))
    # Pushed down by those above, then up by the lower end: differences to evenly stepped places stay increasing.
    pushed: Points = np.maximum.accumulate(np.maximum(wanted, low + steps) - steps)
    spread: Points = np.minimum(pushed, high - gap * max(len(wanted) - 1, 0)) + steps
    return spread


def _draw_box(axes: "Axes", look: Look) -> None:
    axes.plot([0, 1, 1, 0, 0], [0, 0, 1, 1, 0], color=look.quiet, linewidth=1.2, linestyle=(0, (4, 3)))


def _draw_pose(axes: "Axes", places: Points, known: NDArray[np.int64], schema: KeypointSchema, look: Look) -> None:
    colors = pose_colors(schema)
    for limb, color in zip(schema.skeleton, colors.limbs, strict=True):
        ends = places[list(limb)]
        if np.isfinite(ends).all():
            axes.plot(ends[:, 0], ends[:, 1], color=rgb(color), linewidth=3.5, solid_capstyle="round", zorder=3)
    size = 8.0 if len(known) <= MOST_NAMES else 5.0
    for i in known.tolist():
        axes.plot(*places[i], "o", color=rgb(colors.points[i]), markersize=size, markeredgecolor=look.ink, zorder=4)


def _write_names(axes: "Axes", places: Points, known: NDArray[np.int64], schema: KeypointSchema, look: Look) -> None:
    """Write the names in two columns beside the box, each with a thin line to its point."""
    units_per_fraction = (HEIGHT - 2 * MARGIN) / (1 + 2 * BOX_MARGIN)
    ranked = known[np.argsort(places[known, 0], kind="stable")]
    half = len(ranked) // 2
    for column, edge, away, align in ((ranked[:half], -0.2, -1, "right"), (ranked[half:], 1.2, 1, "left")):
        column = column[np.argsort(places[column, 1], kind="stable")]
        heights = spread_apart(places[column, 1], NAME_GAP / units_per_fraction, -BOX_MARGIN, 1 + BOX_MARGIN)
        for i, y in zip(column.tolist(), heights.tolist(), strict=True):
            axes.plot(
                [places[i, 0], edge, edge + 0.04 * away],
                [places[i, 1], y, y],
                color=look.quiet,
                linewidth=0.8,
                clip_on=False,
                zorder=2,
            )
            axes.text(
                edge + 0.07 * away,
                y,
                drawable(schema.names[i], LONGEST_POINT),
                ha=align,
                va="center_baseline",
                fontsize=SMALL,
                color=look.ink,
            )
