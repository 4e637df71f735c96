"""The shapes of CVAT XML: boxes, outlines, masks and points in pixels."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from posekit.data.annotation import Box
from posekit.data.coco.values import UnusableValueError, is_number, quote
from posekit.data.convert.named import NamedPoint, Outline
from posekit.data.convert.turned_box import extent_of_turned_box

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_OCCLUDED, _VISIBLE = 1, 2


def read_box(element: "Element") -> Box:
    """Return the corners x1, y1, x2, y2 of a ``<box>``; of a turned one, of the upright box around it.

    Raises:
        UnusableValueError: a corner is missing or no number, or the box has no area.
    """
    x1, y1, x2, y2 = (_number(element, key) for key in ("xtl", "ytl", "xbr", "ybr"))
    if x2 <= x1 or y2 <= y1:
        text = f"runs from {x1:g}, {y1:g} to {x2:g}, {y2:g}: it has no area"
        raise UnusableValueError("xbr", text, "empty_box")
    return extent_of_turned_box((x1, y1, x2, y2), rotation_of(element), around=((x1 + x2) / 2, (y1 + y2) / 2))


def rotation_of(element: "Element") -> float:
    """Return the degrees clockwise by which a shape is turned around its centre; 0 when it does not say.

    Raises:
        UnusableValueError: it is no number.
    """
    return _number(element, "rotation") if element.get("rotation") is not None else 0.0


def read_outline(element: "Element") -> Outline:
    """Return the corners (P, 2) of a ``<polygon>``.

    Raises:
        UnusableValueError: fewer than three corners, or something that is no pair of numbers.
    """
    corners = read_pairs(element)
    if len(corners) < 3:
        raise UnusableValueError("points", f"has {len(corners)} corners, an outline has 3 or more", "bad_outline")
    return np.array(corners)


def read_pairs(element: "Element") -> list[tuple[float, float]]:
    """Return the x, y pairs of ``points="x,y;x,y"``.

    Raises:
        UnusableValueError: something is no pair of numbers.
    """
    text = element.get("points") or ""
    return [_pair(part) for part in text.split(";")] if text.strip() else []


def read_point(element: "Element") -> NamedPoint | None:
    """Return the place of a ``<points>`` with a single point; None when it is marked as outside.

    Raises:
        UnusableValueError: it has none or several places, or they are no numbers.
    """
    if is_set(element, "outside"):
        return None
    pairs = read_pairs(element)
    if len(pairs) != 1:
        text = f"has {len(pairs)} places: only single points have a name that says which keypoint they are"
        raise UnusableValueError("points", text, "unnamed_points")
    (x, y), hidden = pairs[0], is_set(element, "occluded")
    return NamedPoint(x=x, y=y, visibility=_OCCLUDED if hidden else _VISIBLE)


def is_set(element: "Element", key: str) -> bool:
    """Return whether a mark such as ``outside`` is set."""
    return (element.get(key) or "0").lower() in ("1", "true")


def whole_number(attributes: Mapping[str, str], key: str, *, lowest: int = 0) -> int:
    """Return a whole number from the attributes of an element.

    Raises:
        UnusableValueError: it is missing, no whole number, or below `lowest`.
    """
    text = attributes.get(key, "")
    number = _as_number(text)
    if number is None or number != int(number) or number < lowest:
        raise UnusableValueError(key, f"is {quote(text)}, not a whole number of at least {lowest}", "bad_number")
    return int(number)


def _number(element: "Element", key: str) -> float:
    text = element.get(key)
    number = _as_number(text)
    if number is None:
        raise UnusableValueError(key, f"is {quote(text)}, not a finite number", "bad_number")
    return number


def _pair(text: str) -> tuple[float, float]:
    numbers = [_as_number(part) for part in text.split(",")]
    if len(numbers) != 2 or numbers[0] is None or numbers[1] is None:
        raise UnusableValueError("points", f"holds {quote(text)}, which is no pair x,y of numbers", "bad_number")
    return numbers[0], numbers[1]


def _as_number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and is_number(number) else None
