"""From raw predictions of one picture to its detections, as fractions of the picture."""

from typing import Final, NamedTuple

import torch
from torch import Tensor

from posekit.models.rfdetr.architecture import KeypointSlots
from posekit.models.rfdetr.network import Predictions
from posekit.ops.boxes import xywh_to_xyxy
from posekit.results.detected import Detected

# Channels of the preview's keypoints: place, two logits, (unused), spread (see `covariance`), share in the class.
COUNT: Final = 8
PLACE: Final = slice(0, 2)
FINDABLE: Final = 2
VISIBLE: Final = 3
PRECISION: Final = slice(4, 7)
CLASS: Final = 7

ALPHA: Final = 0.2  # how much the spread of keypoints matters to a score
SMALLEST_CONFIDENCE: Final = 1e-12
BELOW_ONE: Final = 1 - 2**-24  # the largest 32-bit number below 1


class Best(NamedTuple):
    """The n best pairs of query and class, best first; a query may appear with several classes.

    Attributes:
        scores: (n,) in 0 ... 1.
        classes: (n,) int64.
        queries: (n,) int64.
    """

    scores: Tensor
    classes: Tensor
    queries: Tensor


def best_pairs(logits: Tensor, count: int) -> Best:
    """Return up to `count` best pairs for logits (Q, C); of equal scores the first."""
    scores, order = logits.sigmoid().flatten().sort(descending=True, stable=True)
    order = order[:count]
    return Best(scores[:count], order % logits.shape[1], order // logits.shape[1])


def find(predictions: Predictions, count: int) -> Detected[Tensor]:
    """Return at most `count` detections of a detector, with those of its pose head, from predictions of one picture."""
    best = best_pairs(predictions.logits, count)
    keypoints = predictions.keypoints
    if keypoints is not None:
        keypoints = keypoints[best.queries]  # (n, K, 3) with logits of visibility
        keypoints = torch.cat((keypoints[..., :2], keypoints[..., 2:].sigmoid()), -1)
    boxes = xywh_to_xyxy(predictions.boxes[best.queries])
    return Detected(boxes=boxes, scores=best.scores, classes=best.classes, keypoints=keypoints)


def find_uncertain(predictions: Predictions, count: int, slots: KeypointSlots) -> Detected[Tensor]:
    """Return at most `count` detections of the keypoint preview, in the order of their scores before fusion.

    Args:
        predictions: of one picture, without the batch axis.
        count: most detections.
        slots: keypoints per class.

    Returns:
        Keypoints (n, widest, 3): 0, with a precision of NaN, where a class has none.
    """
    assert predictions.keypoints is not None
    best = best_pairs(predictions.logits, count)
    table = slots.mask().to(best.classes.device)
    with_slot = best.classes < len(table)
    slot = best.classes.clamp(max=len(table) - 1)
    used = table[slot] & with_slot[:, None]
    raw = predictions.keypoints[best.queries].view(len(slot), *table.shape, -1)
    own = raw[torch.arange(len(slot), device=slot.device), slot]  # (n, widest, COUNT)
    confidence, factor = own[..., FINDABLE].sigmoid(), own[..., PRECISION]
    keypoints = torch.cat((own[..., PLACE], confidence[..., None]), -1)
    return Detected(
        boxes=xywh_to_xyxy(predictions.boxes[best.queries]),
        scores=torch.where(with_slot, fused_scores(best.scores, confidence, factor, used), best.scores),
        classes=best.classes,
        keypoints=torch.where(used[..., None], keypoints, 0),
        precision=torch.where(used[..., None], factor, torch.nan),
    )


def fused_scores(scores: Tensor, confidence: Tensor, factor: Tensor, used: Tensor) -> Tensor:
    """Return scores lowered or raised by the spread of the keypoints, below 1.

    Args:
        scores: (n,) in 0 ... 1.
        confidence: (n, K) of keypoints, their weights.
        factor: (n, K, 3) Cholesky factors (see `covariance`).
        used: (n, K) bool, False for places that the object's class has no keypoint for.
    """
    weights = torch.where(used, confidence.clamp(min=SMALLEST_CONFIDENCE).log(), -torch.inf)
    traces = torch.where(used, log_trace(factor), 0)
    mean = (traces + weights).logsumexp(-1) - weights.logsumexp(-1)
    mean = torch.where(used.any(-1), mean, 0)  # classes without keypoints
    fused = (scores.log() - ALPHA * mean).sigmoid()
    return fused.clamp(max=BELOW_ONE)


def covariance(factor: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the covariance of places in pixels.

    Args:
        factor: (..., 3) log l11, l21, log l22, for places as fractions of the picture; NaN where there is no keypoint.
        size: (h, w) of the picture.

    Returns:
        (..., 2, 2) of x, y in square pixels; NaN where it is not finite.
    """
    log_l11, l21, log_l22 = factor.unbind(-1)
    l11, l22 = log_l11.exp(), log_l22.exp()
    determinant = (l11 * l22).square()
    height, width = size
    xx = (l21.square() + l22.square()) / determinant * width**2
    xy = -l11 * l21 / determinant * (width * height)
    yy = l11.square() / determinant * height**2
    matrix = torch.stack((torch.stack((xx, xy), -1), torch.stack((xy, yy), -1)), -2)
    return torch.where(matrix.isfinite(), matrix, torch.nan)


def log_trace(factor: Tensor) -> Tensor:
    """Return the logarithm (...) of the covariance's trace for factors (..., 3), for places as fractions.

    It stays finite where the trace itself would be too large or too small for floating point.
    """
    log_l11, l21, log_l22 = factor.unbind(-1)
    x, y = -2 * log_l11, -2 * log_l22
    mixed = 2 * l21.abs().clamp(min=1e-12).log() + x + y
    return torch.stack((x, y, mixed), -1).logsumexp(-1)
