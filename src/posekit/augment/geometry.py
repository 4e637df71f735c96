"""The one geometry path: a map of points moves boxes, outlines and keypoints together.

Every augmentation that moves anything goes through `move_objects`, and those after which objects may lie outside the
picture through `settle_objects` as well. A map gives NaN for points that it sends nowhere.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from posekit.augment.candidates import keep_candidates
from posekit.augment.objects import check_objects, cut_objects, select_objects
from posekit.augment.outline_extents import clipped_extents
from posekit.augment.point_rows import Rows, join_points, split_points
from posekit.sample import Floats, Sample

PointMap = Callable[[Rows], Rows]

LEAST_AREA = 0.1
LEAST_AREA_WITH_OUTLINES = 0.01


def move_objects(sample: Sample, move: PointMap) -> Sample:
    """Return the sample with every point of every object moved; the picture and visibilities stay.

    Args:
        sample: N objects.
        move: takes and gives (2, T) float64, a row of x and a row of y, in pixels.

    Returns:
        Boxes are the extents of their four moved corners. Nothing is cut and nothing is left out.

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

    Args:
        sample: moved objects, and the picture (H, W) that they are in now.
        before: (N, 4) their boxes before, at the new scale; what is left of one says whether the object stays.

    Returns:
        The objects that stay. Keypoints outside the picture are unlabelled, and lie on its edge.
    """
    height, width = sample.size
    least_area = LEAST_AREA if sample.polygons is None else LEAST_AREA_WITH_OUTLINES
    cut = cut_objects(_tightened(sample), (0, 0, width, height))
    return select_objects(cut, keep_candidates(before, cut.boxes, least_area=least_area))


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
