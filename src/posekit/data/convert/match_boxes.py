"""Pairs of boxes that overlap, one to one."""

from posekit.data.box_overlaps import Corners, box_overlaps


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
