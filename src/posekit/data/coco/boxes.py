"""The ``bbox`` of a COCO annotation."""

from typing import Any

from posekit.data.annotation import Box
from posekit.data.coco.values import UnusableValueError, quote, read_numbers


def read_box(value: Any) -> Box | None:
    """Return the corners x1, y1, x2, y2 of a box x, y, width, height in pixels; None for null and [].

    Raises:
        UnusableValueError: it is no list of four finite numbers, or has no area.
    """
    if value is None or value == []:
        return None
    numbers = read_numbers(value, "bbox", "bad_box")
    if len(numbers) != 4:
        text = f"has {len(numbers)} numbers, not the 4 of x, y, width, height"
        raise UnusableValueError("bbox", text, "bad_box")
    x, y, width, height = numbers.tolist()
    if width <= 0 or height <= 0:
        text = f"has width {quote(width)} and height {quote(height)}: both must be above 0"
        raise UnusableValueError("bbox", text, "empty_box")
    return x, y, x + width, y + height
