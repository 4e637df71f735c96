"""AP and curves of every labelled class, from right and wrong detections of all pictures."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posekit.metrics.average_precision import (
    EPSILON,
    Doubles,
    average_precision,
    envelope,
    recall_and_precision,
)
from posekit.metrics.curves import POINTS, best_point, f1_of, grid, over_confidence
from posekit.metrics.matching import THRESHOLDS, Hits

Integers = NDArray[np.int64]


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

    @property
    def true_positives(self) -> Doubles:
        """(C,) detections that are right at that confidence."""
        return np.round(self.r_curve[:, self.point] * self.labels)

    @property
    def false_positives(self) -> Doubles:
        """(C,) detections that are wrong at that confidence."""
        right = self.true_positives
        return np.round(right / (self.p_curve[:, self.point] + EPSILON) - right)


def rank(scores: NDArray[np.floating], classes: NDArray[np.integer]) -> Ranking:
    """Sort (N,) scores of detections with (N,) classes."""
    falling = np.argsort(-scores, kind="stable")
    order = falling[np.argsort(classes[falling], kind="stable")]
    return Ranking(order, scores[order].astype(np.float64), classes[order])


def class_scores(hits: Hits, ranking: Ranking, labelled: NDArray[np.integer]) -> ClassScores:
    """Score every class that has labels; detections of other classes play no part.

    Args:
        hits: (N,) of the detections, as `match` gives them.
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
