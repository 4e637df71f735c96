"""The ``keypoints`` of a COCO annotation."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from posekit.data.annotation import Points
from posekit.data.coco.values import UnusableValueError, read_numbers


def read_keypoints(entry: Mapping[str, Any], count: int) -> Points | None:
    """Return the keypoints of an annotation.

    Args:
        entry: the annotation.
        count: K, how many points its category has.

    Returns:
        (K, 3) x, y in pixels, visibility 0, 1 or 2; None when the annotation has none.

    Raises:
        UnusableValueError: the list has another length, or holds something that cannot be.
    """
    field = keypoint_field(entry, count)
    value = entry.get(field)
    if value is None or value == []:
        return None
    points = read_triplets(value, field, count)
    known = (points[:, 2] == 0) | (points[:, 2] == 1) | (points[:, 2] == 2)
    if not known.all():
        wrong = int(np.argmin(known))
        text = (
            f"is visibility {points[wrong, 2]:g} of point {wrong}; it must be 0 (unlabelled), 1 (hidden) or "
            "2 (visible). Predictions have scores there: is this ground truth?"
        )
        raise UnusableValueError(f"{field}[{3 * wrong + 2}]", text, "bad_visibility")
    return points


def read_padded_keypoints(entry: Mapping[str, Any], own: int, count: int) -> Points | None:
    """Return the keypoints of an annotation whose category has perhaps fewer points than others, as `read_keypoints`.

    Args:
        entry: the annotation; it has the points of its category, or all.
        own: how many points its category has.
        count: K, how many points the category with most of them has.

    Returns:
        (K, 3), those that its category does not have unlabelled; None when the annotation has none.

    Raises:
        UnusableValueError: as in `read_keypoints`.
    """
    points = read_keypoints(entry, count if list_length(entry, count) == 3 * count else own)
    if points is None or len(points) == count:
        return points
    return np.concatenate((points, np.zeros((count - len(points), 3))))


def keypoint_field(entry: Mapping[str, Any], count: int) -> str:
    """Return the key that holds `count` points.

    Some sets keep the 17 points of COCO under ``keypoints`` and their own, larger, number under a key that says it:
    ``keypoints_21``.
    """
    own = f"keypoints_{count}"
    return own if isinstance(entry.get(own), list) else "keypoints"


def read_triplets(value: Any, field: str, count: int) -> Points:
    """Return a flat list of `count` times x, y and a third number as an array (count, 3).

    Raises:
        UnusableValueError: it is no list of that many finite numbers.
    """
    if isinstance(value, list) and len(value) != 3 * count:
        text = f"has {len(value)} values, not the {3 * count} of {count} points x, y, visibility"
        raise UnusableValueError(field, text, "wrong_keypoint_count")
    return read_numbers(value, field, "bad_keypoints").reshape(count, 3)


def list_length(entry: Any, count: int) -> int | None:
    """Return how many values the keypoint list of an annotation has; None without a list, or an empty one."""
    value = entry.get(keypoint_field(entry, count)) if isinstance(entry, dict) else None
    return len(value) if isinstance(value, list) and value else None
