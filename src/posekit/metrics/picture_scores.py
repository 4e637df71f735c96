"""Precision, recall and F1 of single pictures."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def picture_scores(
    names: Sequence[str], right: NDArray[np.integer], found: NDArray[np.integer], labels: NDArray[np.integer]
) -> dict[str, dict[str, Any]]:
    """Return for each picture ``precision recall f1 tp fp fn``, at the threshold 0.5 over all kept detections.

    A picture without labels and without detections scores 1.0; what divides by zero otherwise is 0.0.

    Args:
        names: of the P pictures; of equal names the last counts.
        right: (P,) right detections.
        found: (P,) detections.
        labels: (P,) labelled objects.
    """
    rows = zip(names, right.tolist(), found.tolist(), labels.tolist(), strict=True)
    return {name: _scores(tp, detections - tp, objects - tp) for name, tp, detections, objects in rows}


def _scores(tp: int, fp: int, fn: int) -> dict[str, Any]:
    if not tp + fp + fn:
        return {"precision": 1.0, "recall": 1.0, "f1": 1.0, "tp": 0, "fp": 0, "fn": 0}
    precision = tp / (tp + fp) if tp else 0.0
    recall = tp / (tp + fn) if tp else 0.0
    f1 = 2 * precision * recall / (precision + recall) if tp else 0.0
    return {"precision": precision, "recall": recall, "f1": f1, "tp": tp, "fp": fp, "fn": fn}
