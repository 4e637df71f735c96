"""COCO-WholeBody: 133 points per person, kept in five lists of an annotation.

=====================  ======  ==================================
key                    points  index in the 133
=====================  ======  ==================================
``keypoints``          17      0 to 16, those of COCO
``foot_kpts``          6       17 to 22
``face_kpts``          68      23 to 90
``lefthand_kpts``      21      91 to 111
``righthand_kpts``     21      112 to 132
=====================  ======  ==================================
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from posekit.data.annotation import Points
from posekit.data.coco.keypoint_lists import read_keypoints, read_triplets
from posekit.schema.known_sets import WHOLE_BODY

BODY = 17
PARTS = (("foot", 6), ("face", 68), ("lefthand", 21), ("righthand", 21))


def is_whole_body(annotations: Sequence[Any]) -> bool:
    """Tell whether any annotation has all four lists beyond ``keypoints``."""
    keys = {f"{part}_kpts" for part, _ in PARTS}
    return any(isinstance(entry, dict) and keys <= entry.keys() for entry in annotations)


def read_whole_body(entry: Mapping[str, Any]) -> Points | None:
    """Return the 133 keypoints of an annotation.

    Parts that are missing, or marked as invalid (``face_valid`` false and so on), are unlabelled. Where a part has
    scores in place of visibilities, as the published files do for some hands, a score above 0 becomes 1.

    Returns:
        (133, 3) x, y in pixels, visibility; None when none of the five lists is there.

    Raises:
        UnusableValueError: a list has another length, or holds something that cannot be.
    """
    body = read_keypoints(entry, BODY)
    if body is None and not any(entry.get(f"{part}_kpts") for part, _ in PARTS):
        return None
    parts = [np.zeros((BODY, 3)) if body is None else body]
    return np.concatenate([*parts, *(_read_part(entry, part, count) for part, count in PARTS)])


def has_scores(entry: Mapping[str, Any]) -> bool:
    """Tell whether a part that counts has other third numbers than 0, 1 and 2."""
    return any(
        isinstance(values := entry.get(f"{part}_kpts"), list)
        and entry.get(f"{part}_valid") is not False
        and any(isinstance(value, float) and value not in (0, 1, 2) for value in values[2::3])
        for part, _ in PARTS
    )


def _read_part(entry: Mapping[str, Any], part: str, count: int) -> Points:
    field = f"{part}_kpts"
    value = entry.get(field)
    if value is None or value == [] or entry.get(f"{part}_valid") is False:
        return np.zeros((count, 3))
    points = read_triplets(value, field, count)
    scores = points[:, 2]
    points[:, 2] = np.where(np.isin(scores, (0, 1, 2)), scores, scores > 0)
    return points


def whole_body_category(category: Mapping[str, Any]) -> dict[str, Any]:
    """Return a COCO category with the names and limbs (1-based) of all 133 points in place of its 17."""
    names = [spellings[0] for spellings in WHOLE_BODY.names]
    return {**category, "keypoints": names, "skeleton": [[a + 1, b + 1] for a, b in WHOLE_BODY.skeleton]}
