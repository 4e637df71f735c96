"""Boxes of what is inside a picture of outlines that may leave it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from posekit.augment.point_rows import Rows, join_points
from posekit.sample import Floats

Flags = NDArray[np.bool_]
Starts = NDArray[np.int64]


def clipped_extents(polygons: Sequence[Floats], size: tuple[int, int]) -> Floats:
    """Return the extent of each outline's part inside the picture.

    Args:
        polygons: N outlines (P, 2) x, y in pixels, P of at least 1; they may leave the picture, and NaN makes the
            result NaN.
        size: (H, W) of the picture.

    Returns:
        (N, 4) float32 corners; zeros for an outline of which nothing is inside. Where an outline crosses the edge
        and where it surrounds a corner of the picture counts, not just its points.
    """
    rows, starts = join_points(polygons), _starts(polygons)
    picture = np.array(size[::-1], np.float64)[:, None]
    near, far = np.minimum.reduceat(rows, starts, 1), np.maximum.reduceat(rows, starts, 1)  # (2, N) each
    boxes = np.concatenate((near, far))
    disjoint = ((far < 0) | (near > picture)).any(0)
    boxes[:, disjoint] = 0
    crossing = np.flatnonzero(~disjoint & ((near < 0) | (far > picture)).any(0))
    if len(crossing):
        chosen = [polygons[i] for i in crossing.tolist()]
        boxes[:, crossing] = _crossing_extents(join_points(chosen), _starts(chosen), picture)
    return boxes.T.astype(np.float32)


def _starts(polygons: Sequence[Floats]) -> Starts:
    return np.cumsum([0] + [len(polygon) for polygon in polygons[:-1]])


def _crossing_extents(rows: Rows, starts: Starts, picture: Rows) -> Rows:
    """Return (4, N) for N outlines that lie end to end in `rows` (2, T); `picture` is (2, 1) width and height."""
    ends = np.roll(rows, -1, 1)  # of the edge that begins at each point
    ends[:, np.append(starts[1:], rows.shape[1]) - 1] = rows[:, starts]
    enter, leave, met = _edges_inside(rows, ends, picture)
    low = np.minimum.reduceat(np.where(met, np.minimum(enter, leave), np.inf), starts, 1)
    high = np.maximum.reduceat(np.where(met, np.maximum(enter, leave), -np.inf), starts, 1)
    for corner in np.array(((0, 0), (1, 0), (0, 1), (1, 1))) * picture.T:
        around = _surrounds(rows, ends, starts, corner)
        low = np.where(around, np.minimum(low, corner[:, None]), low)
        high = np.where(around, np.maximum(high, corner[:, None]), high)
    boxes = np.concatenate((low, high)).clip(0, np.tile(picture, (2, 1)))
    boxes[:, (low > high).any(0)] = 0
    return boxes


def _edges_inside(start: Rows, end: Rows, picture: Rows) -> tuple[Rows, Rows, Flags]:
    """Return where edges (2, T) enter and leave the picture, and which do (T,): the method of Liang and Barsky."""
    step = end - start
    moving = step != 0
    # How far along the edge its line meets the two borders across each axis; along a border it never does.
    first = np.divide(-start, step, out=np.where(start >= 0, -np.inf, np.inf), where=moving)
    second = np.divide(picture - start, step, out=np.where(start <= picture, np.inf, -np.inf), where=moving)
    begin = np.minimum(first, second).max(0).clip(0, None)
    stop = np.maximum(first, second).min(0).clip(None, 1)
    met = begin <= stop
    begin, stop = np.where(met, begin, 0), np.where(met, stop, 0)
    return start + begin * step, start + stop * step, met


def _surrounds(start: Rows, end: Rows, starts: Starts, corner: Rows) -> Flags:
    """Tell which outlines have a point (2,) inside: a ray from it to the right meets an odd number of edges."""
    x, y = corner
    spans = np.flatnonzero((start[1] > y) != (end[1] > y))
    (from_x, from_y), (to_x, to_y) = start[:, spans], end[:, spans]
    meets = np.zeros(start.shape[1], np.int64)
    meets[spans] = from_x + (y - from_y) / (to_y - from_y) * (to_x - from_x) > x
    odd: Flags = np.add.reduceat(meets, starts) % 2 == 1
    return odd
