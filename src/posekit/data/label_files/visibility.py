"""Keypoints as files state them to x, y, visibility."""

import numpy as np

from posekit.data.label_files.fault import Fault
from posekit.data.label_files.numbers import Floats
from posekit.data.label_files.objects import RawObjects


def with_visibility(keypoints: Floats) -> Floats:
    """Give every keypoint a visibility of 0, 1 or 2.

    Args:
        keypoints: (N, K, 2) x, y, where a negative value marks an unlabelled point; or (N, K, 3) x, y, visibility.

    Returns:
        (N, K, 3) float32. Of two values the visibility is 1, 0 for unlabelled points. Visibilities other than 0, 1
        and 2, such as a confidence, become the next of them above.
    """
    points = keypoints[..., :2]
    if keypoints.shape[-1] == 2:
        visibility = (points >= 0).all(axis=-1, keepdims=True).astype(np.float32)
    else:
        visibility = np.ceil(keypoints[..., 2:].clip(0, 2))
    return np.concatenate([points, visibility], axis=-1)


def odd_visibility(objects: RawObjects) -> Fault | None:
    """Return the first visibility other than 0, 1 and 2, with the number of them all."""
    if objects.keypoints is None or objects.keypoints.shape[-1] == 2:
        return None
    visibility = objects.keypoints[..., 2]
    odd = (visibility != 0) & (visibility != 1) & (visibility != 2)
    if not odd.any():
        return None
    row, point = (int(index) for index in np.argwhere(odd)[0])
    taken = with_visibility(objects.keypoints)[row, point, 2]
    message = (
        f"visibility {visibility[row, point]:g} of keypoint {point + 1} is taken as {taken:g}; "
        f"expected 0 (unlabelled), 1 (hidden) or 2 (visible); this file has {odd.sum()} such values"
    )
    word = (5 if objects.forms[row].box else 1) + 3 * point + 2
    return Fault(row, word, "visibility", message)
