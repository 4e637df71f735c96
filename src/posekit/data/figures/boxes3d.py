"""Solid boxes in a scene: seats under sitting figures, and furniture."""

import itertools

import cv2
import numpy as np

from posekit.data.figures.vectors import Vector
from posekit.data.figures.view import View
from posekit.sample import Floats, Picture

SUBPIXEL_BITS = 4


def fixed_point(points: Vector) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    """Return picture points (N, 2) as OpenCV's fixed-point integers, with pixel centres at whole numbers."""
    return np.rint((points - 0.5) * (1 << SUBPIXEL_BITS)).astype(np.int32)


def fill_polygon(picture: Picture, points: Vector, color: Floats) -> None:
    """Fill the polygon (N, 2), in pixels, with a BGR colour, in place."""
    cv2.fillPoly(picture, [fixed_point(points)], color.tolist(), cv2.LINE_AA, SUBPIXEL_BITS)


def draw_box(picture: Picture, view: View, low: Vector, high: Vector, color: Floats) -> None:
    """Draw the axis-parallel box from `low` to `high` (3,), in the view's body frame and units, in place."""
    corners = np.array([low, high])
    for axis, end in itertools.product(range(3), range(2)):
        outward = np.zeros(3)
        outward[axis] = 1.0 if end else -1.0
        facing = -float(view.direct(outward)[2])
        if facing <= 0:
            continue
        face = _face(corners, axis, end)
        # Faces differ in brightness: the top most, then the more they face the camera.
        light = 1.0 if axis == 1 else 0.5 + 0.4 * facing
        fill_polygon(picture, view.project(face)[:, :2], color * np.float32(light))


def _face(corners: Vector, axis: int, end: int) -> Vector:
    """(4, 3) corners, in turn, of the face at `corners[end]` across `axis`."""
    others = [other for other in range(3) if other != axis]
    face = np.empty((4, 3))
    face[:, axis] = corners[end, axis]
    face[:, others[0]] = corners[[0, 1, 1, 0], others[0]]
    face[:, others[1]] = corners[[0, 0, 1, 1], others[1]]
    return face
