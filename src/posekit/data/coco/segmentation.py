"""The ``segmentation`` of a COCO annotation: polygons, or a run-length encoded (RLE) mask turned into outlines."""

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from posekit.data.annotation import Points
from posekit.data.coco.values import UnusableValueError, is_number, quote, read_numbers
from posekit.io.decode import MAX_PIXELS

# With fewer than three points there is no area.
_FEWEST_NUMBERS = 6


def read_parts(value: Any, size: tuple[int, int]) -> tuple[Points, ...]:
    """Return the outlines of an object's visible parts.

    Args:
        value: the entry: polygons, an RLE mask, or null.
        size: (h, w) of the picture.

    Returns:
        Outlines (P, 2) in pixels. Polygons of fewer than 6 or of an odd number of values are left out, as the
        conversion of COCO to YOLO labels does. Of masks these are the outer contours, through pixel centres.

    Raises:
        UnusableValueError: the entry is malformed.
    """
    if value is None:
        return ()
    if isinstance(value, dict):
        return _outlines(_decode(value, size)) if value else ()
    if not isinstance(value, list):
        raise UnusableValueError("segmentation", f"is {quote(value)}, not polygons or an RLE mask", "bad_segmentation")
    if value and is_number(value[0]):
        value = [value]  # some programs write a single polygon without the list around it
    parts = [read_numbers(part, f"segmentation[{i}]", "bad_segmentation") for i, part in enumerate(value)]
    usable = (part for part in parts if len(part) >= _FEWEST_NUMBERS and len(part) % 2 == 0)
    return tuple(part.reshape(-1, 2) for part in usable)


def _decode(rle: Mapping[str, Any], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the mask (h, w) of a compressed or uncompressed RLE."""
    from hotcoco import mask

    if rle.get("size") != list(size):
        text = f"is {quote_list(rle.get('size'))}, but the picture has {list(size)} (height, width)"
        raise UnusableValueError("segmentation.size", text, "bad_rle")
    if size[0] * size[1] > MAX_PIXELS:
        text = f"is a mask of {size[1]} x {size[0]} pixels; {MAX_PIXELS:,} are the most that posekit reads"
        raise UnusableValueError("segmentation.size", text, "bad_rle")
    try:
        decoded: NDArray[np.uint8] = mask.decode({"size": list(size), "counts": rle.get("counts")})
    except (ValueError, TypeError, OverflowError) as error:
        raise UnusableValueError("segmentation.counts", f"cannot be decoded ({error})", "bad_rle") from error
    return decoded


def quote_list(value: Any) -> str:
    """Return a short list as it stands, anything else as `quote` shows it."""
    short = isinstance(value, list) and len(value) <= 4 and all(map(is_number, value))
    return str(value) if short else quote(value)


def _outlines(mask: NDArray[np.uint8]) -> tuple[Points, ...]:
    found, _ = cv2.findContours(np.ascontiguousarray(mask), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    contours = (np.asarray(contour, np.float64).reshape(-1, 2) for contour in found)
    return tuple(contour for contour in contours if 2 * len(contour) >= _FEWEST_NUMBERS)
