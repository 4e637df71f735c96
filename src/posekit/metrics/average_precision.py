"""Average precision: recall and precision over falling score, and the area under their envelope."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

EPSILON = 1e-16
RECALLS = 101


@dataclass(frozen=True, eq=False)
class Envelope:
    """Precision that is reached at a recall or beyond it, as a falling line.

    Attributes:
        recall: (n + 3,) rising from 0 to 1.
        precision: (n + 3,) falling to 0.
    """

    recall: Doubles
    precision: Doubles


def recall_and_precision(right: NDArray[np.bool_], labels: int) -> tuple[Doubles, Doubles]:
    """Return both after each of n detections.

    Args:
        right: (n,) whether each detection is right, in falling score.
        labels: number of labelled objects.
    """
    hits = np.cumsum(right, dtype=np.float64)
    return hits / (labels + EPSILON), hits / np.arange(1, len(hits) + 1)


def envelope(recall: Doubles, precision: Doubles) -> Envelope:
    """Return the running maximum of precision from the right, with its ends added; both arguments (n,)."""
    last = recall[-1] if len(recall) else 1.0
    ends = np.concatenate(([1.0], precision, [0.0, 0.0]))
    return Envelope(
        recall=np.concatenate(([0.0], recall, [last, 1.0])),
        precision=np.maximum.accumulate(ends[::-1])[::-1],
    )


def average_precision(line: Envelope) -> float:
    """Return the area under the envelope, by the trapezoid rule on 101 recalls between which it is interpolated."""
    heights = np.interp(np.linspace(0, 1, RECALLS), line.recall, line.precision)
    return float(((heights[1:] + heights[:-1]) / 2).sum() / (RECALLS - 1))
