"""Where keypoints lie within their boxes on average, drawn like a plate of anatomy."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posekit.errors import ShapeError
from posekit.schema import KeypointSchema
from posekit.viz.plots.figure import (
    LIGHT,
    SMALL,
    Look,
    add_axes,
    new_figure,
    png_bytes,
    rgb,
    say_nothing_to_show,
)
from posekit.viz.plots.lettering import drawable
from posekit.viz.pose_colors import pose_colors

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 500.0, 420.0
SIDE_ROOM = 140.0  # units left and right of the box, for the names
MARGIN = 20.0
LONGEST_NAME = 18
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
    figure = new_figure(WIDTH, HEIGHT, look)
    axes = add_axes(figure, (SIDE_ROOM, MARGIN, WIDTH - 2 * SIDE_ROOM, HEIGHT - 2 * MARGIN), look)
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
                drawable(schema.names[i], LONGEST_NAME),
                ha=align,
                va="center_baseline",
                fontsize=SMALL,
                color=look.ink,
            )
