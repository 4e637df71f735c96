"""Pairs of boxes that overlap, one to one."""

import numpy as np
from numpy.typing import NDArray

Corners = NDArray[np.float32]


def match_boxes(first: Corners, second: Corners, *, iou: float) -> list[tuple[int, int]]:
    """Return pairs of boxes so that their overlaps add up to the largest possible sum.

    Args:
        first: (N, 4) corners x1, y1, x2, y2.
        second: (M, 4) likewise.
        iou: smallest overlap of a pair, intersection over union.

    Returns:
        Index pairs in rising order of the first; each box is in one pair at most.
    """
    from scipy.optimize import linear_sum_assignment

    overlaps = box_overlaps(first, second)
    overlaps[overlaps < iou] = 0
    rows, columns = linear_sum_assignment(overlaps, maximize=True)
    return [(row, column) for row, column in zip(rows.tolist(), columns.tolist(), strict=True) if overlaps[row, column]]


def box_overlaps(first: Corners, second: Corners) -> NDArray[np.float64]:
    """Return the intersection over union (N, M) of boxes (N, 4) and (M, 4), 0 for boxes without area."""
    a, b = first.astype(np.float64)[:, None], second.astype(np.float64)[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = sides.clip(0).prod(-1)
    union = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1) - shared
    overlaps: NDArray[np.float64] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return overlaps
