"""Precision, recall and F1 as curves over the confidence threshold, and the threshold that is best for all classes."""

import numpy as np

from posekit.metrics.average_precision import EPSILON, Doubles

POINTS = 1000
SMOOTHING = 0.1


def grid() -> Doubles:
    """Return the 1000 confidences, or recalls, 0 ... 1 that curves are given at."""
    return np.linspace(0, 1, POINTS)


def over_confidence(values: Doubles, scores: Doubles, above: float) -> Doubles:
    """Return (1000,) `values` interpolated over confidence.

    Args:
        values: (n,) precision or recall after each detection.
        scores: (n,) falling.
        above: value above the highest score.
    """
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
