"""CutMix: a rectangle of another picture, with the objects in it, put where it hides no object."""

import numpy as np

from posekit.augment.geometry import LEAST_AREA, LEAST_AREA_WITH_OUTLINES
from posekit.augment.objects import cut_objects, join_objects, select_objects
from posekit.augment.overlap import box_areas, shared_areas
from posekit.errors import ShapeError
from posekit.sample import Floats, Sample

Rectangle = tuple[int, int, int, int]
CANDIDATES = 3
_TINY = 1e-16


def draw_rectangle(size: tuple[int, int], rng: np.random.Generator) -> Rectangle:
    """Draw a rectangle x1 y1 x2 y2 within a picture (H, W): any area is as likely as any other; it may be empty."""
    side = float(np.sqrt(1 - rng.beta(1, 1)))
    centre = rng.integers(size[::-1])
    half = (np.array(size[::-1]) * side).astype(int) // 2
    (x1, y1), (x2, y2) = (np.clip(corner, 0, size[::-1]).tolist() for corner in (centre - half, centre + half))
    return x1, y1, x2, y2


def find_free_rectangle(boxes: Floats, size: tuple[int, int], rng: np.random.Generator) -> Rectangle | None:
    """Return the first of three drawn rectangles that is not empty and touches none of the boxes (N, 4), or None."""
    candidates = [draw_rectangle(size, rng) for _ in range(CANDIDATES)]
    hidden = shared_areas(np.array(candidates, np.float32), boxes).max(1, initial=0)
    for (x1, y1, x2, y2), area in zip(candidates, hidden.tolist(), strict=True):
        if x1 < x2 and y1 < y2 and not area:
            return x1, y1, x2, y2
    return None


def paste_rectangle(sample: Sample, partner: Sample, rectangle: Rectangle) -> Sample:
    """Put a part of another picture of the same size at the same place.

    Args:
        sample: the picture that receives it; path and original size are its.
        partner: the picture that gives it.
        rectangle: x1 y1 x2 y2 in pixels.

    Returns:
        With the partner's objects of which enough is inside, cut to the rectangle; `sample` itself when there is none.

    Raises:
        ShapeError: the sizes differ.
    """
    if sample.size != partner.size:
        raise ShapeError(f"CutMix joins pictures of one size, but these have {sample.size} and {partner.size} pixels")
    least_area = LEAST_AREA if partner.polygons is None else LEAST_AREA_WITH_OUTLINES
    inside = shared_areas(partner.boxes, np.array([rectangle], np.float32))[:, 0]
    pasted = inside >= least_area * (box_areas(partner.boxes) + _TINY)
    if not pasted.any():
        return sample
    x1, y1, x2, y2 = rectangle
    image = sample.image.copy()
    image[y1:y2, x1:x2] = partner.image[y1:y2, x1:x2]
    return join_objects(image, (sample, cut_objects(select_objects(partner, pasted), rectangle)))
