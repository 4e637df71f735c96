"""The ``<mask>`` of CVAT XML: run lengths row by row within a rectangle, turned into outlines."""

from typing import TYPE_CHECKING

import cv2
import numpy as np

from posekit.data.coco.values import UnusableValueError, quote
from posekit.data.convert.cvat_shapes import whole_number
from posekit.data.convert.named import Outline
from posekit.io.decode import MAX_PIXELS

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_FEWEST_CORNERS = 3


def read_mask(element: "Element") -> tuple[Outline, ...]:
    """Return the outer contours (P, 2) of a mask, in pixels of the picture, through pixel centres.

    Raises:
        UnusableValueError: the rectangle is missing or too large, or the run lengths do not fill it.
    """
    left, top = whole_number(element.attrib, "left"), whole_number(element.attrib, "top")
    width, height = whole_number(element.attrib, "width", lowest=1), whole_number(element.attrib, "height", lowest=1)
    if width * height > MAX_PIXELS:
        text = f"is {width} with a height of {height}: more than the {MAX_PIXELS:,} pixels allowed"
        raise UnusableValueError("width", text, "bad_mask")
    mask = _fill(element.get("rle") or "", width * height).reshape(height, width)
    found, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    contours = (np.asarray(contour, np.float64).reshape(-1, 2) for contour in found)
    return tuple(np.add(contour, (left, top)) for contour in contours if len(contour) >= _FEWEST_CORNERS)


def _fill(text: str, pixels: int) -> "np.ndarray[tuple[int], np.dtype[np.uint8]]":
    """Return `pixels` values 0 and 1 from run lengths that take turns, beginning with 0."""
    try:
        runs = [int(part) for part in text.split(",")]
    except ValueError as error:
        raise UnusableValueError("rle", f"is {quote(text)}, not a list of run lengths", "bad_mask") from error
    if min(runs) < 0 or sum(runs) != pixels:
        text = f"fills {sum(runs)} pixels; its rectangle has {pixels}" if min(runs) >= 0 else "has a run below 0"
        raise UnusableValueError("rle", text, "bad_mask")
    return np.repeat(np.arange(len(runs)) % 2, runs).astype(np.uint8)
