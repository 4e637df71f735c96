"""Colours of keypoints and limbs: left, right and middle of a body, or a run of colours without sides."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np

from posekit.schema import KeypointSchema
from posekit.viz.scene import Color

Side = Literal["left", "right", "middle"]

# Each family runs from its first to its last colour (BGR) along the order of the points, so that
# arms and legs differ a little. Orange and blue stay apart for colour-blind eyes.
FAMILIES: dict[Side, tuple[Color, Color]] = {
    "left": ((64, 190, 255), (30, 92, 255)),
    "right": ((255, 205, 70), (255, 96, 52)),
    "middle": ((190, 255, 120), (150, 235, 150)),
}

_SIDE_WORD = re.compile(r"(?:^|[\W_])(left|right|l|r)(?:$|[\W_])|^(left|right)|(left|right)$", re.IGNORECASE)
_HEAD_WORD = re.compile(r"nose|eye|ear(?!th)|head|neck|mouth|chin|face", re.IGNORECASE)
_TRUNK_WORD = re.compile(r"shoulder|hip|neck|pelvis|spine|thorax|chest|torso|tail|withers", re.IGNORECASE)


@dataclass(frozen=True)
class PoseColors:
    """Colours of the K points and of the limbs of a schema, BGR."""

    points: tuple[Color, ...]
    limbs: tuple[Color, ...]


@lru_cache(maxsize=32)
def pose_colors(schema: KeypointSchema) -> PoseColors:
    """Choose colours by the sides that the point names tell; by the order of the points otherwise."""
    sides = [_side(name) for name in schema.names]
    if all(side == "middle" for side in sides):
        return _run_of_colors(schema)
    heads = [bool(_HEAD_WORD.search(name)) for name in schema.names]
    points = tuple(
        _family_color("middle" if head else side, i, schema.count)
        for i, (side, head) in enumerate(zip(sides, heads, strict=True))
    )
    limbs = tuple(_family_color(_limb_side(schema, sides, limb), max(limb), schema.count) for limb in schema.skeleton)
    return PoseColors(points, limbs)


def _side(name: str) -> Side:
    """Return the side that a point's name tells: left_wrist, wrist-r, LeftWrist."""
    found = _SIDE_WORD.search(name)
    if found is None:
        return "middle"
    word = next(group for group in found.groups() if group).lower()
    return "left" if word.startswith("l") else "right"


def _limb_side(schema: KeypointSchema, sides: list[Side], limb: tuple[int, int]) -> Side:
    """Return left or right for limbs within one side; head and trunk are the middle."""
    first, second = (schema.names[end] for end in limb)
    head = _HEAD_WORD.search(first) or _HEAD_WORD.search(second)
    trunk = _TRUNK_WORD.search(first) and _TRUNK_WORD.search(second)
    ends = {sides[end] for end in limb} - {"middle"}
    if head or trunk or len(ends) != 1:
        return "middle"
    return ends.pop()


def _family_color(side: Side, index: int, count: int) -> Color:
    start, end = FAMILIES[side]
    share = index / max(count - 1, 1)
    blue, green, red = (round(a + (b - a) * share) for a, b in zip(start, end, strict=True))
    return blue, green, red


def _run_of_colors(schema: KeypointSchema) -> PoseColors:
    """Spread the rainbow over the points; a limb takes the colour of its later end."""
    levels = np.linspace(24, 232, schema.count).round().astype(np.uint8)  # the map's dark ends are left out
    run = cv2.applyColorMap(levels, cv2.COLORMAP_TURBO).reshape(-1, 3).tolist()
    points: tuple[Color, ...] = tuple((int(blue), int(green), int(red)) for blue, green, red in run)
    return PoseColors(points, tuple(points[max(limb)] for limb in schema.skeleton))
