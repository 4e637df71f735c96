"""Visibility of keypoints, computed from what is drawn."""

import math

import numpy as np
from numpy.typing import NDArray

from posekit.data.figures.anatomy import Skeleton
from posekit.data.figures.raster import Layer
from posekit.data.figures.vectors import unit
from posekit.data.figures.view import View
from posekit.schema import COCO_PERSON

Keypoints = NDArray[np.float32]

# How far, in body units, a body's own surface may lie in front of a joint that still counts as seen:
# the flesh and cloth around that joint, but not a limb or the trunk before it.
COVER = {
    "nose": 0.024, "eye": 0.022, "ear": 0.034, "shoulder": 0.085, "elbow": 0.052, "wrist": 0.045,
    "hip": 0.115, "knee": 0.07, "ankle": 0.06,
}  # fmt: skip
FACE = 5
# A point of the face is turned away when its direction from the head's centre points from the camera by more
# than this (the sine of 20 degrees): an ear seen from the front, under hair, is hidden but not turned away.
TURNED_AWAY = 0.35


def own_visibility(skeleton: Skeleton, view: View, layer: Layer, size: tuple[int, int]) -> Keypoints:
    """Return (17, 3) keypoints of a figure drawn alone: picture x, y in pixels and visibility.

    2: the figure's surface at the point's pixel is the flesh around the joint. 1: another part of the
    figure lies before it. 0 with x = y = 0: outside the picture, or a point of the face that is turned
    away from the camera (annotators of COCO leave those out).
    """
    height, width = size
    projected = view.project(skeleton.keypoints())
    xy = projected[:, :2].astype(np.float32)
    keypoints = np.zeros((COCO_PERSON.count, 3), np.float32)
    for index, name in enumerate(COCO_PERSON.names):
        x, y = xy[index]
        if not (0 <= x < width and 0 <= y < height):
            continue
        seen = _surface(layer, x, y) > projected[index, 2] - _cover(name, skeleton, view)
        seen = seen and _on_figure(layer, x, y)
        if not seen and index < FACE and _turned_away(skeleton, view, name):
            continue
        keypoints[index] = x, y, 2 if seen else 1
    return keypoints


def hide_behind(keypoints: Keypoints, covered: NDArray[np.bool_]) -> Keypoints:
    """Return (17, 3) keypoints with the visible ones under `covered` (H, W) bool set to 1 (hidden)."""
    hidden = keypoints.copy()
    seen = keypoints[:, 2] == 2
    columns, rows = keypoints[seen, 0].astype(int), keypoints[seen, 1].astype(int)
    hidden[seen, 2] = np.where(covered[rows, columns], 1, 2)
    return hidden


def _surface(layer: Layer, x: float, y: float) -> float:
    """Depth of the figure at a picture position; infinite where it is not."""
    row, column = int(y) - layer.top, int(x) - layer.left
    rows, columns = layer.depth.shape
    inside = 0 <= row < rows and 0 <= column < columns
    return float(layer.depth[row, column]) if inside else float("inf")


def _on_figure(layer: Layer, x: float, y: float) -> bool:
    return math.isfinite(_surface(layer, x, y))


def _cover(name: str, skeleton: Skeleton, view: View) -> float:
    body = skeleton.proportions
    part = name.rsplit("_", maxsplit=1)[-1]
    build = body.head if part in ("nose", "eye", "ear") else max(body.girth, 1.0)
    # Three quarters of a pixel: depth is known at pixel centres only.
    return COVER[part] * build * view.scale + 0.75


def _turned_away(skeleton: Skeleton, view: View, name: str) -> bool:
    outward = unit(skeleton.points[name] - skeleton.points["head"])
    return float(view.direct(outward)[2]) > TURNED_AWAY
