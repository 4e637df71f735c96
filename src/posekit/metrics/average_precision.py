"""Average precision: recall and precision over falling score, and the area under their envelope."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posekit.metrics.matching import THRESHOLDS, Hits

Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]

EPSILON = 1e-16
RECALLS = 101
POINTS = 1000
SMOOTHING = 0.1


@dataclass(frozen=True, eq=False)
class Envelope:
    """Precision that is reached at a recall or beyond it: recall (n + 3,) from 0 to 1, precision (n + 3,) down to 0."""

    recall: Doubles
    precision: Doubles


def recall_and_precision(right: NDArray[np.bool_], labels: int) -> tuple[Doubles, Doubles]:
    """Return (n,) both after each detection, of which `right` says in falling score whether it is, for some labels."""
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


def grid() -> Doubles:
    """Return the 1000 confidences, or recalls, 0 ... 1 that curves are given at."""
    return np.linspace(0, 1, POINTS)


def over_confidence(values: Doubles, scores: Doubles, above: float) -> Doubles:
    """Return (1000,) the (n,) values after detections of falling scores over confidence; `above` the highest score."""
    return np.interp(-grid(), -scores, values, left=above)


def f1_of(precision: Doubles, recall: Doubles) -> Doubles:
    """Return the harmonic mean; 0 where both are 0."""
    return 2 * precision * recall / (precision + recall + EPSILON)


def smooth(values: Doubles, fraction: float = SMOOTHING) -> Doubles:
    """Return (n,) the plain mean over a window of `fraction` of all points (an odd number); the ends are repeated."""
    window = round(len(values) * fraction) // 2 * 2 + 1
    padded = np.pad(values, window // 2, mode="edge")
    return np.convolve(padded, np.ones(window) / window, mode="valid")


def best_point(f1: Doubles) -> int:
    """Return the index of the confidence where the smoothed mean of the (C, 1000) F1 curves is highest."""
    return int(smooth(f1.mean(0)).argmax())


@dataclass(frozen=True, eq=False)
class Ranking:
    """All detections by class, and in falling score within a class; equal scores keep their order.

    Attributes:
        order: (N,) positions of the detections.
        scores: (N,) float64 in that order.
        classes: (N,) in that order.
    """

    order: Integers
    scores: Doubles
    classes: NDArray[np.integer]

    @classmethod
    def of(cls, scores: NDArray[np.floating], classes: NDArray[np.integer]) -> "Ranking":
        """Sort (N,) scores of detections with (N,) classes."""
        falling = np.argsort(-scores, kind="stable")
        order = falling[np.argsort(classes[falling], kind="stable")]
        return cls(order, scores[order].astype(np.float64), classes[order])


@dataclass(frozen=True, eq=False)
class ClassScores:
    """Numbers of the C labelled classes, in rising class number.

    Attributes:
        classes: (C,) class numbers.
        labels: (C,) labelled objects.
        all_ap: (C, 10) average precision per threshold.
        p_curve, r_curve, f1_curve: (C, 1000) over confidence, at the threshold 0.5.
        prec_values: (C, 1000) envelope of precision over recall, at the threshold 0.5.
    """

    classes: Integers
    labels: Integers
    all_ap: Doubles
    p_curve: Doubles
    r_curve: Doubles
    f1_curve: Doubles
    prec_values: Doubles

    @property
    def point(self) -> int:
        """Index of the one confidence that `p`, `r` and `f1` are read at."""
        return best_point(self.f1_curve) if len(self.classes) else 0


def class_scores(hits: Hits, ranking: Ranking, labelled: NDArray[np.integer]) -> ClassScores:
    """Score every class that has labels; detections of other classes play no part.

    Args:
        hits: (N,) of the detections, as `find_hits` gives them.
        ranking: of the same detections.
        labelled: (M,) classes of all labelled objects.
    """
    classes, labels = np.unique(labelled.astype(np.int64), return_counts=True)
    count = len(classes)
    all_ap = np.zeros((count, len(THRESHOLDS)))
    p_curve, r_curve, prec_values = np.zeros((3, count, POINTS))
    hits = hits[ranking.order]
    begins = np.searchsorted(ranking.classes, classes, side="left")
    ends = np.searchsorted(ranking.classes, classes, side="right")
    for row, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        if begin == end:  # labelled, never detected: zeros
            continue
        for threshold in range(len(THRESHOLDS)):
            right = (hits[begin:end] >> np.uint16(threshold) & 1).astype(bool)
            recall, precision = recall_and_precision(right, int(labels[row]))
            line = envelope(recall, precision)
            all_ap[row, threshold] = average_precision(line)
            if threshold == 0:
                scores = ranking.scores[begin:end]
                r_curve[row] = over_confidence(recall, scores, above=0.0)
                p_curve[row] = over_confidence(precision, scores, above=1.0)
                prec_values[row] = np.interp(grid(), line.recall, line.precision)
    return ClassScores(classes, labels, all_ap, p_curve, r_curve, f1_of(p_curve, r_curve), prec_values)
