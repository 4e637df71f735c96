"""Limbs and dots of one object."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from posekit.viz.scene import Color, Picture
from posekit.viz.sizes import dot_radii, limb_radius

ColoredLimb = tuple[tuple[int, int], Color]

OUTLINE: Color = (24, 20, 20)
# OpenCV takes coordinates as whole numbers of 1/16 pixel.
_SHIFT = 4


def visible_points(keypoints: NDArray[np.float32], kpt_conf: float) -> NDArray[np.bool_]:
    """Return (..., K) bool: which points are drawn.

    Args:
        keypoints: (..., K, 3) x y confidence: drawn from confidence `kpt_conf` on, and above 0; or
            (..., K, 2) x y: drawn unless at (0, 0). Points that are not finite are never drawn.
        kpt_conf: lowest confidence.
    """
    finite = np.isfinite(keypoints).all(axis=-1)
    if keypoints.shape[-1] == 3:
        chosen: NDArray[np.bool_] = finite & (keypoints[..., 2] >= kpt_conf) & (keypoints[..., 2] > 0)
    else:
        chosen = finite & np.any(keypoints != 0, axis=-1)
    return chosen


def draw_pose(
    picture: Picture,
    points: NDArray[np.float32],
    visible: NDArray[np.bool_],
    limbs: Sequence[ColoredLimb],
    point_colors: Sequence[Color],
    radius: float,
) -> None:
    """Draw the limbs and, over them, the dots of one object into `picture`.

    Args:
        picture: (H, W, 3) uint8 BGR, changed in place.
        points: (K, 2) x, y in pixels.
        visible: (K,) bool, which points are drawn; a limb needs both ends.
        limbs: 0-based pairs of points with the colour of each limb; empty draws dots only.
        point_colors: colours of the K points.
        radius: of dots on a large object, pixels.
    """
    if not visible.any():
        return
    radius = limb_radius(radius, points[visible])
    fixed = _fixed_point(points)
    thickness = max(round(radius * 0.8), 1)
    drawn = [
        (fixed[a], fixed[b], color)
        for (a, b), color in limbs
        if visible[a] and visible[b] and min(*points[a], *points[b]) >= 0
    ]
    for start, end, _ in drawn:
        cv2.line(picture, start, end, OUTLINE, thickness + min(thickness, 2), cv2.LINE_AA, _SHIFT)
    for start, end, color in drawn:
        cv2.line(picture, start, end, color, thickness, cv2.LINE_AA, _SHIFT)
    for i, dot in zip(np.flatnonzero(visible).tolist(), dot_radii(radius, points[visible]), strict=True):
        rim = max(dot * 0.28, 0.8)
        cv2.circle(picture, fixed[i], round((dot + rim) * 2**_SHIFT), OUTLINE, -1, cv2.LINE_AA, _SHIFT)
        cv2.circle(picture, fixed[i], round(dot * 2**_SHIFT), point_colors[i], -1, cv2.LINE_AA, _SHIFT)


def _fixed_point(points: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Return the points in OpenCV's fixed-point numbers; those that are not finite become 0 and are not drawn."""
    near = np.clip(np.nan_to_num(points, posinf=0, neginf=0), -(2**15), 2**15)
    return [(x, y) for x, y in (near * 2**_SHIFT).round().astype(int).tolist()]
