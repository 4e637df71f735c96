"""Boxes for objects that come without one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from posekit.data.annotation import Box, Points

# Joints lie inside the body: a box through the outermost ones cuts off head, hands and feet.
MARGIN = 0.1


@dataclass(frozen=True, kw_only=True)
class DerivedBox:
    """A box that posekit made up.

    Attributes:
        box: corners x1, y1, x2, y2 in pixels.
        how: what it was made of, for messages.
        code: short name of the same.
    """

    box: Box
    how: str
    code: str


def derive_box(parts: Sequence[Points], keypoints: Points | None, size: tuple[int, int]) -> DerivedBox | None:
    """Return a box around the outlines, else one around the labelled keypoints; None when neither gives one.

    Args:
        parts: outlines (P, 2) in pixels.
        keypoints: (K, 3) x, y in pixels, visibility; None without.
        size: (h, w) of the picture.
    """
    box = box_around_parts(parts)
    if box is not None:
        return DerivedBox(box=box, how="the extent of the outline", code="box_from_outline")
    box = None if keypoints is None else box_around_keypoints(keypoints, size)
    if box is None:
        return None
    how = f"a box around the labelled keypoints, wider by {MARGIN:.0%} of its longer side on each side,"
    return DerivedBox(box=box, how=how, code="box_from_keypoints")


def box_around_parts(parts: Sequence[Points]) -> Box | None:
    """Return the extent of outlines (P, 2) in pixels; None without any, or without area."""
    if not parts:
        return None
    points = np.concatenate(parts)
    (x1, y1), (x2, y2) = points.min(0).tolist(), points.max(0).tolist()
    return (x1, y1, x2, y2) if x2 > x1 and y2 > y1 else None


def box_around_keypoints(keypoints: Points, size: tuple[int, int]) -> Box | None:
    """Return a box around the labelled keypoints, widened on each side by `MARGIN` of its longer side.

    Args:
        keypoints: (K, 3) x, y in pixels, visibility; points of visibility 0 and those outside the picture do not
            count.
        size: (h, w) of the picture, which the box is cut to.

    Returns:
        Corners x1, y1, x2, y2 in pixels; None when fewer than two places are labelled.
    """
    height, width = size
    points = keypoints[keypoints[:, 2] > 0, :2]
    inside = points[((points >= 0) & (points <= (width, height))).all(1)]
    if not len(inside):
        return None
    near, far = inside.min(0), inside.max(0)
    margin = MARGIN * float((far - near).max())
    if margin == 0:
        return None
    near, far = np.maximum(near - margin, 0), np.minimum(far + margin, (width, height))
    return float(near[0]), float(near[1]), float(far[0]), float(far[1])
