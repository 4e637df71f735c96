"""CopyPaste: objects cut out along their outlines and put where they hide little of others."""

import cv2
import numpy as np
from numpy.typing import NDArray

from posekit.augment.flips import FlipMap, flip_left_right
from posekit.augment.objects import join_objects, select_objects
from posekit.augment.overlap import box_areas, shared_areas
from posekit.errors import ShapeError
from posekit.sample import Sample

MOST_HIDDEN = 0.3  # share of any existing box that a pasted one may cover
_TINY = 1e-16


def paste_mirrored(sample: Sample, share: float, flip_idx: FlipMap | None) -> Sample:
    """Put mirror images of a picture's own objects at their mirrored places; left keypoints stay left.

    Args:
        sample: only objects with an outline are copied.
        share: of the objects that find a place, to paste.
        flip_idx: for each of K keypoints the one whose place it takes; None only without keypoints.
    """
    return paste_objects(sample, flip_left_right(sample, flip_idx), share)


def paste_objects(sample: Sample, source: Sample, share: float) -> Sample:
    """Put objects of another picture of the same size at the same places.

    Args:
        sample: the picture that receives them; path and original size are its.
        source: the picture that gives them; only objects with an outline are pasted.
        share: of the objects that find a place, to paste; those that hide least come first.

    Returns:
        `sample` with the pasted objects after its own; the same when none is pasted.

    Raises:
        ShapeError: the sizes differ.
    """
    if sample.size != source.size:
        raise ShapeError(f"CopyPaste joins pictures of one size, but these have {sample.size} and {source.size} pixels")
    chosen = _choose(sample, source, share)
    if not len(chosen):
        return sample
    pasted = select_objects(source, chosen)
    stencil = np.zeros(sample.size, np.uint8)
    for polygon in pasted.polygons or ():
        cv2.fillPoly(stencil, [polygon.astype(np.int32)], (1,))
    image = sample.image.copy()
    cv2.copyTo(source.image, stencil, image)
    return join_objects(image, (sample, pasted))


def _choose(sample: Sample, source: Sample, share: float) -> NDArray[np.int64]:
    """Return the numbers of the objects to paste, those that hide least of any existing one first."""
    if source.polygons is None or not len(source.boxes):
        return np.zeros(0, np.int64)
    hidden = shared_areas(source.boxes, sample.boxes) / (box_areas(sample.boxes) + _TINY)
    most = hidden.max(1, initial=0)
    outlined = np.array([len(polygon) > 0 for polygon in source.polygons])
    fitting = np.flatnonzero(outlined & (most < MOST_HIDDEN))
    order = fitting[np.argsort(most[fitting], kind="stable")]
    return order[: round(share * len(order))]
