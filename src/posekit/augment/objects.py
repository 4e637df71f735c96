"""The objects of a `Sample` as one table: rows chosen, tables joined, everything cut to a frame."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posekit.errors import ShapeError
from posekit.sample import Floats, Picture, Sample

# (2, T): a row of x and a row of y.
Rows = NDArray[np.float64]
PointMap = Callable[[Rows], Rows]
Frame = tuple[float, float, float, float]
Flags = NDArray[np.bool_]
Starts = NDArray[np.int64]

SHORTEST_SIDE = 2  # pixels
LARGEST_ASPECT = 100
LEAST_AREA = 0.1
LEAST_AREA_WITH_OUTLINES = 0.01
TINY = 1e-16


def join_points(parts: Sequence[Floats]) -> Rows:
    """Return the points of parts (P, 2) end to end, (2, T) with T the sum of all P."""
    if not parts:
        return np.zeros((2, 0))
    return np.concatenate([part.T for part in parts], axis=1, dtype=np.float64)


def split_points(rows: Rows, parts: Sequence[Floats]) -> tuple[Floats, ...]:
    """Return points (2, T) as parts (P, 2) float32 of the lengths of the given ones."""
    points = np.ascontiguousarray(rows.T, np.float32)
    ends = accumulate(map(len, parts), initial=0)
    return tuple(points[start:end] for start, end in pairwise(ends))


def check_objects(sample: Sample) -> None:
    """Refuse parts of a sample that speak of different numbers of objects, and masks, which no geometry here moves."""
    where = sample.path or "a sample"
    if sample.masks is not None:
        raise ShapeError(f"{where}: training moves outlines, not masks: give polygons (ops.polygons.mask_to_polygon)")
    parts = {"classes": sample.classes, "keypoints": sample.keypoints, "polygons": sample.polygons}
    for name, part in parts.items():
        if part is not None and len(part) != len(sample.boxes):
            raise ShapeError(f"{where}: {len(sample.boxes)} boxes, but {len(part)} {name}: one for each object")


def select_objects(sample: Sample, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Sample:
    """Return the sample with only the chosen objects: (N,) bool, or their numbers in the wanted order."""
    numbers = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen
    return replace(
        sample,
        boxes=sample.boxes[numbers],
        classes=sample.classes[numbers],
        keypoints=None if sample.keypoints is None else sample.keypoints[numbers],
        polygons=None if sample.polygons is None else tuple(sample.polygons[i] for i in numbers.tolist()),
    )


def join_objects(image: Picture, samples: Sequence[Sample]) -> Sample:
    """Return the objects of several samples, all in pixels of `image`, as those of one.

    Where some samples have keypoints or outlines and others have not, the objects of the others get unlabelled
    points and empty outlines. Path, origin and original size are those of the first.
    """
    return replace(
        samples[0],
        image=image,
        boxes=np.concatenate([sample.boxes for sample in samples]),
        classes=np.concatenate([sample.classes for sample in samples]),
        keypoints=_joined_keypoints(samples),
        polygons=_joined_polygons(samples),
    )


def cut_objects(sample: Sample, frame: Frame) -> Sample:
    """Cut boxes, outlines and keypoints, but not the picture, to a frame x1 y1 x2 y2 in pixels.

    What is outside moves onto the frame; keypoints among it become unlabelled. The objects stay the same.
    """
    near, far = np.array(frame[:2], np.float32), np.array(frame[2:], np.float32)
    keypoints, polygons = sample.keypoints, sample.polygons
    if keypoints is not None:
        keypoints = _cut_keypoints(keypoints, near, far)
    if polygons is not None:
        rows = join_points(polygons).clip(near[:, None], far[:, None])
        polygons = split_points(rows, polygons)
    boxes = sample.boxes.clip(np.tile(near, 2), np.tile(far, 2))
    return replace(sample, boxes=boxes, keypoints=keypoints, polygons=polygons)


def _cut_keypoints(keypoints: Floats, near: Floats, far: Floats) -> Floats:
    """Return keypoints of which those outside near..far, or nowhere (NaN), lie on its edge, with visibility 0."""
    places = keypoints[..., :2]
    inside = ((places >= near) & (places <= far)).all(-1)
    if inside.all():
        return keypoints
    result = np.empty_like(keypoints)
    result[..., :2] = np.nan_to_num(places).clip(near, far)
    result[..., 2] = keypoints[..., 2] * inside
    return result


def _joined_keypoints(samples: Sequence[Sample]) -> Floats | None:
    given = [sample.keypoints for sample in samples if sample.keypoints is not None]
    if not given:
        return None
    shape = given[0].shape[1:]
    parts: list[NDArray[Any]] = [
        np.zeros((len(sample.boxes), *shape), np.float32) if sample.keypoints is None else sample.keypoints
        for sample in samples
    ]
    return np.concatenate(parts)


def _joined_polygons(samples: Sequence[Sample]) -> tuple[Floats, ...] | None:
    if all(sample.polygons is None for sample in samples):
        return None
    empty = np.zeros((0, 2), np.float32)
    parts = [(empty,) * len(sample.boxes) if sample.polygons is None else sample.polygons for sample in samples]
    return tuple(polygon for part in parts for polygon in part)


def keep_candidates(before: Floats, after: Floats, *, least_area: float) -> NDArray[np.bool_]:
    """Tell (N,) which boxes keep sides longer than 2 pixels, an aspect ratio under 100, and enough of their area.

    Args:
        before: (N, 4) corners in pixels, at the scale of `after`.
        after: (N, 4) corners in pixels, cut to the picture; NaN for a box that is nowhere.
        least_area: share of the area that must remain.
    """
    old, new = before[:, 2:] - before[:, :2], after[:, 2:] - after[:, :2]
    shorter, longer = new.min(1), new.max(1)
    share = new.prod(1) / (old.prod(1) + TINY)
    slim = longer < LARGEST_ASPECT * (shorter + TINY)
    kept: NDArray[np.bool_] = (shorter > SHORTEST_SIDE) & slim & (share > least_area)
    return kept


def clipped_extents(polygons: Sequence[Floats], size: tuple[int, int]) -> Floats:
    """Return the (N, 4) corners of each outline's part inside a picture (H, W); zeros where nothing is inside.

    Where an outline (P, 2) crosses the edge and where it surrounds a corner of the picture counts, not just its
    points. NaN among them makes the result NaN.
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


def move_objects(sample: Sample, move: PointMap) -> Sample:
    """Return the sample with every point of every object moved; the picture and visibilities stay.

    Boxes become the extents of their four moved corners. Nothing is cut and nothing is left out.

    Args:
        sample: its objects.
        move: takes and gives points (2, T) float64 in pixels.

    Raises:
        ShapeError: the sample has masks, or its parts differ in count.
    """
    check_objects(sample)
    corners = sample.boxes[:, (0, 1, 2, 1, 2, 3, 0, 3)].reshape(-1, 2)  # (4N, 2)
    keypoints, polygons = sample.keypoints, sample.polygons
    points = np.zeros((0, 2), np.float32) if keypoints is None else keypoints[..., :2].reshape(-1, 2)  # (NK, 2)
    parts = (corners, points, *(polygons or ()))
    corners, points, *outlines = split_points(move(join_points(parts)), parts)
    if keypoints is not None:
        keypoints = np.concatenate((points.reshape(*keypoints.shape[:2], 2), keypoints[..., 2:]), -1)
    if polygons is not None:
        polygons = tuple(outlines)
    of_box = corners.reshape(-1, 4, 2)
    boxes = np.concatenate((of_box.min(1), of_box.max(1)), 1)
    return replace(sample, boxes=boxes, keypoints=keypoints, polygons=polygons)


def settle_objects(sample: Sample, before: Floats) -> Sample:
    """Fit moved objects into their new picture: boxes tightened to outlines, all cut, and remnants left out.

    What is left of the (N, 4) boxes before, at the new scale, says whether an object stays. Keypoints outside the
    picture are unlabelled, and lie on its edge.
    """
    height, width = sample.size
    cut = cut_objects(_tightened(sample), (0, 0, width, height))
    return select_objects(cut, keep_candidates(before, cut.boxes, least_area=least_area(sample)))


def least_area(sample: Sample) -> float:
    """Return the share of an object's area that has to be left of it."""
    return LEAST_AREA if sample.polygons is None else LEAST_AREA_WITH_OUTLINES


def _tightened(sample: Sample) -> Sample:
    """Replace boxes of objects with an outline by the extent of its part in the picture, and keep it in there."""
    polygons = sample.polygons
    lengths = [len(polygon) for polygon in polygons or ()]
    if polygons is None or not any(lengths):
        return sample
    boxes = sample.boxes.copy()
    boxes[np.array(lengths) > 0] = clipped_extents([polygon for polygon in polygons if len(polygon)], sample.size)
    limits = np.repeat(boxes.T, lengths, 1)  # (4, T): for each point the box of its outline
    rows = join_points(polygons).clip(limits[:2], limits[2:])
    return replace(sample, boxes=boxes, polygons=split_points(rows, polygons))
