"""Masks as COCO polygons."""

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def mask_polygons(mask: Mask) -> list[list[float]]:
    """Return the outlines of a mask (H, W) bool as flat lists x1 y1 x2 y2 ... in pixels.

    Polygons of COCO cannot have holes: a region with a hole is cut in two through it. Filled by COCO's
    tools, all polygons together give the mask back.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return []
    left, top = int(columns[0]), int(rows[0])
    window = mask[top : rows[-1] + 1, left : columns[-1] + 1]
    return [np.add(outline, (left, top)).ravel().tolist() for outline in _outlines(window)]


def _outlines(mask: Mask) -> list[NDArray[np.float64]]:
    """Closed outlines (n, 2) of all regions."""
    # Contours run through pixel centres. On a mask of twice the size these lie a quarter of a pixel inside
    # the region's edge, so that the centre of every pixel of the region is within its outline.
    doubled = np.pad(mask, 1).repeat(2, 0).repeat(2, 1).astype(np.uint8)
    contours, hierarchy = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return []
    holes = [contour for contour, link in zip(contours, hierarchy[0], strict=True) if link[3] >= 0]
    if holes:
        # Contours of holes run along the region around them; the padding is one pixel, two in `doubled`.
        middle = (int(holes[0][:, 0, 0].min()) + int(holes[0][:, 0, 0].max())) // 4 - 1
        return [*_outlines(mask[:, :middle]), *(np.add(part, (middle, 0)) for part in _outlines(mask[:, middle:]))]
    return [(contour[:, 0].astype(np.float64) + 0.5) / 2 - 1 for contour in contours if len(contour) >= 3]
