"""The labels of a batch as the truth that metrics compare with."""

import numpy as np

from posekit.metrics.picture import Truth
from posekit.ops.letterbox import Letterbox
from posekit.ops.polygon_masks import overlap_order, separate_masks, without_overlap
from posekit.sample import Floats, Sample


def truth_of(sample: Sample, letterbox: Letterbox, *, mask_size: tuple[int, int] | None, overlap: bool) -> Truth:
    """Return the labels of a picture in pixels of the network input.

    Args:
        sample: a labelled picture.
        letterbox: how it was placed.
        mask_size: (h, w) of the masks; None makes none.
        overlap: each pixel of a mask belongs to the smallest object over it; objects then come in falling area.
    """
    scale, shift = _to_network(sample, letterbox)
    boxes = (sample.boxes * np.tile(scale, 2) + np.tile(shift, 2)).astype(np.float32)
    keypoints = sample.keypoints
    if keypoints is not None:
        keypoints = np.concatenate((keypoints[..., :2] * scale + shift, keypoints[..., 2:]), -1, dtype=np.float32)
    if mask_size is None:
        return Truth(classes=sample.classes, boxes=boxes, keypoints=keypoints)
    polygons = sample.polygons or (np.zeros((0, 2), np.float32),) * len(boxes)
    moved = [polygon * scale + shift if len(polygon) else polygon for polygon in polygons]
    masks = separate_masks(moved, letterbox.network, mask_size)
    outlined = np.array([len(polygon) > 0 for polygon in polygons], np.bool_)
    if not overlap:
        return Truth(classes=sample.classes, boxes=boxes, keypoints=keypoints, masks=masks, outlined=outlined)
    order = overlap_order(masks)
    return Truth(
        classes=sample.classes[order],
        boxes=boxes[order],
        keypoints=None if keypoints is None else keypoints[order],
        masks=without_overlap(masks[order]),
        outlined=outlined[order],
    )


def _to_network(sample: Sample, letterbox: Letterbox) -> tuple[Floats, Floats]:
    """Return (2,) factors and (2,) offsets, x and y, from pixels of the sample to those of the network input."""
    factors = np.array(letterbox.gain) * np.array(letterbox.original) / np.array(sample.size)
    return factors[::-1].astype(np.float32), np.array(letterbox.pad[::-1], np.float32)
