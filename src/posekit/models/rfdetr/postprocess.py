"""From raw predictions of one picture to its detections."""

from typing import NamedTuple

import torch
from torch import Tensor

from posekit.models.rfdetr.outputs import Predictions
from posekit.ops.boxes import xywh_to_xyxy


class Best(NamedTuple):
    """The best pairs of query and class, best first.

    Attributes:
        scores: (n,) in 0 ... 1.
        classes: (n,) int64.
        queries: (n,) int64; a query may appear with several classes.
    """

    scores: Tensor
    classes: Tensor
    queries: Tensor


class Found(NamedTuple):
    """The n detections of a picture, best first, as fractions of the picture.

    Attributes:
        scores: (n,) in 0 ... 1.
        classes: (n,) int64.
        boxes: (n, 4) corners x1 y1 x2 y2, not clipped.
        keypoints: (n, K, 3) x, y, confidence in 0 ... 1; None without keypoints.
        precision: (n, K, 3) Cholesky factor of each keypoint's precision (see `preview.covariance`); None without.
    """

    scores: Tensor
    classes: Tensor
    boxes: Tensor
    keypoints: Tensor | None = None
    precision: Tensor | None = None

    def keep(self, chosen: Tensor) -> "Found":
        """Return the detections that a mask or index selects."""
        return Found(*(None if part is None else part[chosen] for part in self))  # type: ignore[arg-type]


def best_pairs(logits: Tensor, count: int) -> Best:
    """Return up to `count` best pairs for logits (Q, C); of equal scores the first."""
    scores, order = logits.sigmoid().flatten().sort(descending=True, stable=True)
    order = order[:count]
    return Best(scores[:count], order % logits.shape[1], order // logits.shape[1])


def find(predictions: Predictions, count: int) -> Found:
    """Return the detections of a detector, with those of its pose head.

    Args:
        predictions: of one picture, without the batch axis.
        count: most detections.
    """
    best = best_pairs(predictions.logits, count)
    keypoints = None if predictions.keypoints is None else _confident(predictions.keypoints[best.queries])
    return Found(best.scores, best.classes, xywh_to_xyxy(predictions.boxes[best.queries]), keypoints)


def _confident(keypoints: Tensor) -> Tensor:
    """Return keypoints (n, K, 3) with confidences in place of visibility logits."""
    return torch.cat((keypoints[..., :2], keypoints[..., 2:].sigmoid()), -1)
