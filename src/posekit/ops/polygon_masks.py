"""Outlines drawn as masks, at the reduced size that networks and validation compare."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]
RESAMPLED = 1000  # points per outline


def resample_polygon(polygon: Points, count: int = RESAMPLED) -> Points:
    """Return a closed outline with `count` points: its own, and others evenly spaced by point number.

    Args:
        polygon: (P, 2) float32, P of at least 1.
        count: wanted points; an outline of as many or more keeps its own and repeats the first.

    Returns:
        (max(count, P + 1), 2) float32.
    """
    closed = np.concatenate((polygon, polygon[:1]))
    if len(closed) >= count:
        return closed
    own = np.arange(len(closed), dtype=np.float64)
    places = np.sort(np.concatenate((own, np.linspace(0, len(closed) - 1, count - len(closed)))))
    return np.stack([np.interp(places, own, closed[:, axis]) for axis in (0, 1)], 1).astype(np.float32)


def separate_masks(polygons: Sequence[Points], shape: tuple[int, int], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return one mask per outline.

    Args:
        polygons: N outlines (P, 2) in pixels of `shape`; coordinates are cut to whole pixels.
        shape: (H, W) to draw at.
        size: (h, w) of the masks; they are reduced bilinearly in bytes, so a pixel that is mostly outside is 0.

    Returns:
        (N, h, w) uint8, 0 or 1.
    """
    masks: NDArray[np.uint8] = np.zeros((len(polygons), *size), np.uint8)
    for mask, polygon in zip(masks, polygons, strict=True):
        mask[:] = _draw(polygon, shape, size)
    return masks


def overlap_order(masks: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the order of N masks (N, h, w) from the largest area to the smallest."""
    return np.argsort(-masks.sum((1, 2), dtype=np.int64))


def without_overlap(masks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return masks (N, h, w), in falling area, in which each pixel belongs to the smallest object that covers it."""
    if not len(masks):
        return masks
    numbers = np.arange(1, len(masks) + 1, dtype=np.int32)
    index_map = (masks * numbers[:, None, None]).max(0)  # (h, w): the last object over each pixel, 0 without
    owned: NDArray[np.uint8] = (index_map == numbers[:, None, None]).astype(np.uint8)
    return owned


def _draw(polygon: Points, shape: tuple[int, int], size: tuple[int, int]) -> NDArray[np.uint8]:
    mask = np.zeros(shape, np.uint8)
    if len(polygon):
        cv2.fillPoly(mask, [polygon.astype(np.int32)], (1,))
    return mask if shape == size else np.asarray(cv2.resize(mask, size[::-1]), np.uint8)
