"""Outlines: the contours of a mask joined to one polygon, a polygon's area, and polygons moved between pictures."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from posekit.ops.letterbox import Letterbox

Points = NDArray[np.float32]
Contour = TypeVar("Contour", NDArray[np.int32], NDArray[np.float64])
# Distances held at once while the closest points of two contours are looked for.
_MOST_DISTANCES = 4_000_000
RESAMPLED = 1000  # points per outline
LARGEST_BYTE = 255


def mask_to_polygon(mask: NDArray[np.uint8] | NDArray[np.bool_]) -> Points:
    """Return the outline (P, 2) float32 of a mask (H, W); the outlines of several parts are joined to one.

    Only outer contours count, and straight runs are reduced to their ends; an empty mask gives (0, 2).
    """
    contours = _contours(mask)
    if not contours:
        return np.zeros((0, 2), np.float32)
    return join_contours(contours).astype(np.float32)


def outer_contours(mask: NDArray[np.uint8]) -> tuple[NDArray[np.float64], ...]:
    """Return the outlines (P, 2) of a mask's parts, through pixel centres; those of less than 3 points are left out."""
    return tuple(contour.astype(np.float64) for contour in _contours(mask) if len(contour) >= 3)


def _contours(mask: NDArray[np.uint8] | NDArray[np.bool_]) -> list[NDArray[np.int32]]:
    found, _ = cv2.findContours(np.ascontiguousarray(mask, np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [np.asarray(contour, np.int32).reshape(-1, 2) for contour in found]


def join_contours(contours: Sequence[Contour]) -> Contour:
    """Join closed contours to one polygon by bridges between neighbours in the sequence.

    Each bridge runs between the closest points of contour i - 1 and i. The polygon walks along one
    side of the middle contours to the last one, around it, and back along their other side. Contours are (P_i, 2), at
    least one; a single one is returned as it is.
    """
    if len(contours) == 1:
        return contours[0]
    bridges = [_closest_points(before, after) for before, after in pairwise(contours)]
    forward = [_close_at(contours[0], bridges[0][0])]
    backward: list[Contour] = []
    for middle, bridge_in, bridge_out in zip(contours[1:-1], bridges[:-1], bridges[1:], strict=True):
        there, back = _split(middle, bridge_in[1], bridge_out[0])
        forward.append(there)
        backward.append(back)
    forward.append(_close_at(contours[-1], bridges[-1][1]))
    return np.concatenate(forward + backward[::-1])


def polygon_area(points: NDArray[np.floating[Any]]) -> float:
    """Return the area inside a polygon (P, 2), whichever way it turns, by the shoelace formula; 0 without points."""
    if not len(points):
        return 0.0
    exact = np.asarray(points, np.float64)
    # Far from the origin the products would lose the digits that tell the area.
    x, y = (exact - exact.mean(0)).T
    return abs(float(x @ np.roll(y, 1) - y @ np.roll(x, 1))) / 2


def polygon_to_original(polygon: Points, letterbox: Letterbox) -> Points:
    """Move a polygon (P, 2) from a letterboxed mask to the original picture, and clip it to that picture.

    `letterbox` says how the picture lies in the mask: ``Letterbox.between(mask_hw, original_hw)``.
    """
    shift, gain, size = (
        np.array(pair[::-1], np.float32) for pair in (letterbox.pad, letterbox.gain, letterbox.original)
    )
    moved: Points = np.clip((polygon - shift) / gain, 0, size)
    return moved


def _closest_points(first: Contour, second: Contour) -> tuple[int, int]:
    """Return the indices of the closest pair, the first one in row-major order when several are equal."""
    rows = max(_MOST_DISTANCES // len(second), 1)
    best, pair = np.inf, (0, 0)
    for start in range(0, len(first), rows):
        x = first[start : start + rows, None, 0] - second[None, :, 0]
        y = first[start : start + rows, None, 1] - second[None, :, 1]
        distances = x * x + y * y
        row, column = divmod(int(np.argmin(distances)), len(second))
        if distances[row, column] < best:
            best, pair = distances[row, column], (start + row, column)
    return pair


def _close_at(contour: Contour, start: int) -> Contour:
    """Return the contour rolled to begin at point `start`, which is repeated at the end."""
    rolled = np.roll(contour, -start, axis=0)
    return np.concatenate([rolled, rolled[:1]])


def _split(contour: Contour, entry: int, leave: int) -> tuple[Contour, Contour]:
    """Cut a middle contour at its two bridges into the way there and the way back."""
    if entry > leave:
        contour = contour[::-1]
        entry, leave = len(contour) - 1 - entry, len(contour) - 1 - leave
    closed = _close_at(contour, entry)
    cut = leave - entry
    return closed[: cut + 1], closed[cut:]


def resample_polygon(polygon: Points, count: int = RESAMPLED) -> Points:
    """Return a closed outline with `count` points: those of the polygon (P, 2), and others evenly spaced by number.

    An outline of as many points or more keeps its own and repeats the first: (max(count, P + 1), 2).
    """
    closed = np.concatenate((polygon, polygon[:1]))
    if len(closed) >= count:
        return closed
    own = np.arange(len(closed), dtype=np.float64)
    places = np.sort(np.concatenate((own, np.linspace(0, len(closed) - 1, count - len(closed)))))
    return np.stack([np.interp(places, own, closed[:, axis]) for axis in (0, 1)], 1).astype(np.float32)


def separate_masks(polygons: Sequence[Points], shape: tuple[int, int], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return one mask per outline, (N, h, w) uint8, 0 or 1.

    Args:
        polygons: N outlines (P, 2) in pixels of `shape`; coordinates are cut to whole pixels.
        shape: (H, W) to draw at.
        size: (h, w) of the masks; they are reduced bilinearly in bytes, so a pixel that is mostly outside is 0.
    """
    masks: NDArray[np.uint8] = np.zeros((len(polygons), *size), np.uint8)
    for mask, polygon in zip(masks, polygons, strict=True):
        mask[:] = _draw(polygon, shape, size)
    return masks


def overlap_order(masks: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the order of N masks (N, h, w) from the largest area to the smallest."""
    return np.argsort(-masks.sum((1, 2), dtype=np.int64))


def index_map(masks: NDArray[np.uint8]) -> NDArray[Any]:
    """Return (h, w): for each pixel the number, counted from 1, of the last of the masks (N, h, w) over it."""
    numbers = np.zeros(masks.shape[1:], np.uint8 if len(masks) <= LARGEST_BYTE else np.int32)
    for number, mask in enumerate(masks, start=1):
        np.copyto(numbers, number, where=mask.view(np.bool_))
    return numbers


def without_overlap(masks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return masks (N, h, w), in falling area, in which each pixel belongs to the smallest object that covers it."""
    numbers = np.arange(1, len(masks) + 1, dtype=np.int32)[:, None, None]
    owned: NDArray[np.uint8] = (index_map(masks) == numbers).astype(np.uint8)
    return owned


def _draw(polygon: Points, shape: tuple[int, int], size: tuple[int, int]) -> NDArray[np.uint8]:
    mask = np.zeros(shape, np.uint8)
    if len(polygon):
        cv2.fillPoly(mask, [polygon.astype(np.int32)], (1,))
    return mask if shape == size else np.asarray(cv2.resize(mask, size[::-1]), np.uint8)
