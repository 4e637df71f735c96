"""Colours of classes and instances. All colours are BGR, as OpenCV draws them."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np

from posekit.schema.schema import KeypointSchema
from posekit.schema.sides import Side, words_with_sides

Color = tuple[int, int, int]

# Each colour was chosen far from all before it, for normal and for red-green blind eyes alike
# (tests/viz measures both); the first are the liveliest.
_CLASS_RGB = (
    "7C4DFF", "FFD600", "00796B", "D50000", "F8BBD0", "40C4FF", "0D47A1", "FF6D00", "FF4081", "00C853",
    "1B5E20", "FFFF8D", "2196F3", "FFE0B2", "90A4AE", "4DD0E1", "6200EA", "6D4C41", "F50057", "69F0AE",
)  # fmt: skip
CLASS_COLORS: tuple[Color, ...] = tuple(
    (int(text[4:], 16), int(text[2:4], 16), int(text[:2], 16)) for text in _CLASS_RGB
)
BLACK: Color = (0, 0, 0)
WHITE: Color = (255, 255, 255)
READABLE_CONTRAST = 2.5

Place = Literal["left", "right", "middle"]

# Each family runs from its first to its last colour (BGR) along the order of the points, so that
# arms and legs differ a little. Orange and blue stay apart for colour-blind eyes.
FAMILIES: dict[Place, tuple[Color, Color]] = {
    "left": ((64, 190, 255), (30, 92, 255)),
    "right": ((255, 205, 70), (255, 96, 52)),
    "middle": ((190, 255, 120), (150, 235, 150)),
}
_HEAD_WORD = re.compile(r"nose|eye|ear(?!th)|head|neck|mouth|chin|face", re.IGNORECASE)
_TRUNK_WORD = re.compile(r"shoulder|hip|neck|pelvis|spine|thorax|chest|torso|tail|withers", re.IGNORECASE)


def color_of(number: int) -> Color:
    """Return the colour of a class or instance; numbers beyond the palette start it again."""
    return CLASS_COLORS[number % len(CLASS_COLORS)]


def readable_text_color(wanted: Color, background: Color) -> Color:
    """Return `wanted` where it can be read on `background`, else black or white, whichever stands out more."""
    if contrast(wanted, background) >= READABLE_CONTRAST:
        return wanted
    return max(BLACK, WHITE, key=lambda color: contrast(color, background))


def contrast(one: Color, other: Color) -> float:
    """Return the WCAG contrast ratio of two colours, from 1 (none) to 21 (black on white)."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: Color) -> float:
    """Return the WCAG relative luminance, 0 to 1."""
    blue, green, red = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in (c / 255 for c in color)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@dataclass(frozen=True)
class PoseColors:
    """Colours of the K points and of the limbs of a schema, BGR."""

    points: tuple[Color, ...]
    limbs: tuple[Color, ...]


@lru_cache(maxsize=32)
def pose_colors(schema: KeypointSchema) -> PoseColors:
    """Choose colours by the sides that the point names tell; by the order of the points otherwise."""
    places = _places(schema)
    if all(place == "middle" for place in places):
        return _run_of_colors(schema)
    heads = [bool(_HEAD_WORD.search(name)) for name in schema.names]
    points = tuple(
        _family_color("middle" if head else place, i, schema.count)
        for i, (place, head) in enumerate(zip(places, heads, strict=True))
    )
    limbs = tuple(_family_color(_limb_place(schema, places, limb), max(limb), schema.count) for limb in schema.skeleton)
    return PoseColors(points, limbs)


def _places(schema: KeypointSchema) -> list[Place]:
    """Return the side that each point's name tells."""
    sides = [{word for word in words if isinstance(word, Side)} for words in words_with_sides(schema.names)]
    return ["left" if Side.LEFT in told else "right" if told else "middle" for told in sides]


def _limb_place(schema: KeypointSchema, places: list[Place], limb: tuple[int, int]) -> Place:
    """Return left or right for limbs within one side; head and trunk are the middle."""
    first, second = (schema.names[end] for end in limb)
    head = _HEAD_WORD.search(first) or _HEAD_WORD.search(second)
    trunk = _TRUNK_WORD.search(first) and _TRUNK_WORD.search(second)
    ends = {places[end] for end in limb} - {"middle"}
    if head or trunk or len(ends) != 1:
        return "middle"
    return ends.pop()


def _family_color(place: Place, index: int, count: int) -> Color:
    start, end = FAMILIES[place]
    share = index / max(count - 1, 1)
    blue, green, red = (round(a + (b - a) * share) for a, b in zip(start, end, strict=True))
    return blue, green, red


def _run_of_colors(schema: KeypointSchema) -> PoseColors:
    """Spread the rainbow over the points; a limb takes the colour of its later end."""
    levels = np.linspace(24, 232, schema.count).round().astype(np.uint8)  # the map's dark ends are left out
    run = cv2.applyColorMap(levels, cv2.COLORMAP_TURBO).reshape(-1, 3).tolist()
    points: tuple[Color, ...] = tuple((int(blue), int(green), int(red)) for blue, green, red in run)
    return PoseColors(points, tuple(points[max(limb)] for limb in schema.skeleton))
