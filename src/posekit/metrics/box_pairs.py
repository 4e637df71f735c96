"""Which detection of a picture is which labelled object, by their boxes."""

import numpy as np
from numpy.typing import NDArray

from posekit.metrics.picture import Found, Truth
from posekit.metrics.similarity import box_iou


def matched_pairs(truth: Truth, found: Found, threshold: float = 0.5) -> NDArray[np.int64]:
    """Return (P, 2) rows of truth and found that belong together, in falling score.

    Detections choose in falling score: each takes the free object of its own class with the highest IoU, if that
    reaches the threshold. No object and no detection is in two pairs. This is the validator's matching at one
    threshold.

    Args:
        truth: labelled objects of one picture.
        found: its detections, in falling score.
        threshold: lowest IoU of a pair.
    """
    likeness = box_iou(truth.boxes, found.boxes)
    likeness[(likeness < np.float32(threshold)) | (truth.classes[:, None] != found.classes)] = 0
    pairs: list[tuple[int, int]] = []
    for detection in np.flatnonzero(likeness.any(0)):
        best = int(likeness[:, detection].argmax())
        if likeness[best, detection] > 0:
            pairs.append((best, int(detection)))
            likeness[best] = 0
        if len(pairs) == len(truth):
            break
    return np.array(pairs, np.int64).reshape(-1, 2)
