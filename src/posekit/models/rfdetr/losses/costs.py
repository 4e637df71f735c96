"""What it costs to match a query with an object."""

from collections.abc import Callable

from torch import Tensor
from torch.nn.functional import logsigmoid

from posekit.models.rfdetr.losses.overlap import generalised_iou
from posekit.models.rfdetr.outputs import Predictions
from posekit.ops.boxes import xywh_to_xyxy
from posekit.sample import Targets

CLASS_WEIGHT = 2.0
BOX_WEIGHT = 5.0
GIOU_WEIGHT = 2.0
ALPHA = 0.25

PairCost = Callable[[Predictions, Targets], Tensor]
"""Gives the cost (Q, n) of matching the Q queries of one picture (no batch axis) with its n objects."""


def detection_cost(predictions: Predictions, targets: Targets) -> Tensor:
    """Return the weighted sum of class, box and overlap costs, (Q, n)."""
    return (
        CLASS_WEIGHT * class_cost(predictions.logits, targets.classes)
        + BOX_WEIGHT * box_cost(predictions.boxes, targets.boxes)
        + GIOU_WEIGHT * giou_cost(predictions.boxes, targets.boxes)
    )


def class_cost(logits: Tensor, classes: Tensor) -> Tensor:
    """Return the change of the focal loss when queries with logits (Q, C) become objects of classes (n,), (Q, n)."""
    chosen = logits[:, classes]
    score = chosen.sigmoid()
    gain = ALPHA * (1 - score).square() * -logsigmoid(chosen)
    return gain - (1 - ALPHA) * score.square() * -logsigmoid(-chosen)


def box_cost(boxes: Tensor, true: Tensor) -> Tensor:
    """Return the sum of absolute differences (Q, n) of boxes (Q, 4) and (n, 4)."""
    return (boxes[:, None] - true).abs().sum(-1)


def giou_cost(boxes: Tensor, true: Tensor) -> Tensor:
    """Return minus the generalised IoU (Q, n) of boxes (Q, 4) and (n, 4) centre x, centre y, width, height."""
    return -generalised_iou(xywh_to_xyxy(boxes)[:, None], xywh_to_xyxy(true))
