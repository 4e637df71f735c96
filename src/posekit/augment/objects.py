"""The objects of a `Sample` as one table: rows chosen, tables joined, everything cut to a frame."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posekit.augment.point_rows import join_points, split_points
from posekit.errors import ShapeError
from posekit.sample import Floats, Picture, Sample

Frame = tuple[float, float, float, float]


def check_objects(sample: Sample) -> None:
    """Check that all parts of a sample speak of the same N objects, and that outlines are polygons.

    Raises:
        ShapeError: the counts differ, or there are masks, which no geometry here moves.
    """
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
    """Cut everything to a frame.

    Args:
        sample: boxes, outlines and keypoints are cut; the picture is not.
        frame: corners x1 y1 x2 y2 in pixels.

    Returns:
        The same objects: boxes and outline points moved onto the frame where they were outside; keypoints too, and
        those become unlabelled.
    """
    near, far = np.array(frame[:2], np.float32), np.array(frame[2:], np.float32)
    keypoints, polygons = sample.keypoints, sample.polygons
    if keypoints is not None:
        keypoints = cut_keypoints(keypoints, near, far)
    if polygons is not None:
        rows = join_points(polygons).clip(near[:, None], far[:, None])
        polygons = split_points(rows, polygons)
    boxes = sample.boxes.clip(np.tile(near, 2), np.tile(far, 2))
    return replace(sample, boxes=boxes, keypoints=keypoints, polygons=polygons)


def cut_keypoints(keypoints: Floats, near: Floats, far: Floats) -> Floats:
    """Return keypoints (N, K, 3) of which those outside the rectangle near..far lie on it, with visibility 0.

    Points that are nowhere (NaN) count as outside.
    """
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
