"""Matching cost and losses of the keypoint preview."""

from functools import partial
from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

from posekit.models.rfdetr import decode as channels
from posekit.models.rfdetr.architecture import KeypointSlots
from posekit.models.rfdetr.losses import (
    POSE_WEIGHTS,
    VISIBLE,
    Matched,
    SetCriterion,
    detection_cost,
    detection_losses,
)
from posekit.models.rfdetr.network import Predictions
from posekit.sample import Targets

SMALLEST_AREA: Final = torch.finfo(torch.float32).eps


class KeypointErrors(NamedTuple):
    """Errors of n objects or pairs, (n, ...) each; 0 where an object has no keypoint that counts.

    Attributes:
        place: mean distance |dx| + |dy| of labelled keypoints, in square roots of the object's area.
        findable: mean cross-entropy of being labelled.
        visible: mean cross-entropy of being visible.
        likelihood: mean negative logarithm of the density that was predicted for the labelled places, but for
            constants.
    """

    place: Tensor
    findable: Tensor
    visible: Tensor
    likelihood: Tensor


def keypoint_errors(found: Tensor, true: Tensor, areas: Tensor, used: Tensor) -> KeypointErrors:
    """Compare keypoints; shapes broadcast.

    Args:
        found: (..., K, 8) predictions (see `preview`).
        true: (..., K, 3) x, y as fractions of the picture, visibility.
        areas: (...) of the objects' boxes as fractions of the picture.
        used: (..., K) bool, False for places that the object's class has no keypoint for.
    """
    known = found.isfinite().all(-1)  # as predicted
    found = torch.where(known[..., None], found, 0)
    areas = areas[..., None]
    used = used & known
    labelled = used & (true[..., 2] > 0) & (areas > SMALLEST_AREA)
    areas = areas.clamp(min=SMALLEST_AREA)
    apart = found[..., channels.PLACE] - true[..., :2]
    return KeypointErrors(
        place=_mean(apart.abs().sum(-1) / areas.sqrt(), labelled),
        findable=_mean(_entropy(found[..., channels.FINDABLE], true[..., 2] > 0), used),
        visible=_mean(_entropy(found[..., channels.VISIBLE], true[..., 2] == VISIBLE), used),
        likelihood=_mean(_likelihood(found[..., channels.PRECISION], apart, areas), labelled),
    )


def _likelihood(factor: Tensor, apart: Tensor, areas: Tensor) -> Tensor:
    """Return (..., K) for logarithms and factor (..., K, 3), errors (..., K, 2) and areas (..., 1)."""
    log_l11, l21, log_l22 = factor.unbind(-1)
    dx, dy = apart.unbind(-1)
    squared = (log_l11.exp() * dx + l21 * dy).square() + (log_l22.exp() * dy).square()
    return 0.5 * squared / areas - (log_l11 + log_l22)


def _entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Return the binary cross-entropy of logits (..., K) and targets (..., K), of broadcast shape."""
    return softplus(logits) - logits * target


def _mean(values: Tensor, counting: Tensor) -> Tensor:
    """Return the mean over the last axis of the values that count; 0 where none does."""
    return torch.where(counting, values, 0).sum(-1) / counting.sum(-1).clamp(min=1)


PREVIEW_WEIGHTS: Final = {
    **{name: POSE_WEIGHTS[name] for name in ("cls_loss", "box_loss", "giou_loss")},
    "kpt_l1_loss": 1.0,
    "kpt_find_loss": 1.0,
    "kpt_vis_loss": 1.0,
    "kpt_nll_loss": 1.0,
}


def preview_losses(matched: Matched, slots: KeypointSlots) -> dict[str, Tensor]:
    """Score the keypoints of one layer."""
    names = ("kpt_l1_loss", "kpt_find_loss", "kpt_vis_loss", "kpt_nll_loss")
    if not matched.has_keypoints:
        return dict.fromkeys(names, matched.predictions.boxes.new_zeros(()))
    found = _by_class(matched.keypoints, slots)
    own = found.gather(1, matched.classes.view(-1, 1, 1, 1).expand(-1, 1, *found.shape[2:])).squeeze(1)
    errors = _errors(own, matched.true_keypoints, matched.true_boxes, matched.classes, slots)
    return dict(zip(names, (error.sum() / matched.object_count for error in errors), strict=True))


def preview_cost(predictions: Predictions, targets: Targets, slots: KeypointSlots) -> Tensor:
    """Return the cost (Q, n) of matching the queries and objects of one picture by class, box and keypoints."""
    cost = detection_cost(predictions, targets)
    if predictions.keypoints is None or targets.keypoints is None:
        return cost
    place, findable, visible, likelihood = pairwise_errors(predictions.keypoints, targets, slots)
    return cost + place + findable + visible + likelihood


def pairwise_errors(keypoints: Tensor, targets: Targets, slots: KeypointSlots) -> KeypointErrors:
    """Return the errors (Q, n) of keypoints (Q, slots * widest, 8), each query against each object."""
    assert targets.keypoints is not None
    found = _by_class(keypoints, slots)[:, targets.classes]
    return _errors(found, targets.keypoints, targets.boxes, targets.classes, slots)


def preview_criterion(slots: KeypointSlots) -> SetCriterion:
    """Return the criterion of a keypoint preview network."""
    of_keypoints, cost = partial(preview_losses, slots=slots), partial(preview_cost, slots=slots)
    return SetCriterion([detection_losses, of_keypoints], PREVIEW_WEIGHTS, cost)


def _by_class(keypoints: Tensor, slots: KeypointSlots) -> Tensor:
    """Return (n, slots, widest, 8) for padded keypoints (n, slots * widest, 8)."""
    return keypoints.view(len(keypoints), len(slots.counts), slots.widest, -1)


def _errors(found: Tensor, true: Tensor, boxes: Tensor, classes: Tensor, slots: KeypointSlots) -> KeypointErrors:
    used = slots.mask().to(classes.device)[classes]
    return keypoint_errors(found, true[:, : slots.widest], boxes[:, 2:].prod(-1), used)
