"""Four ways to score class logits; the first is what the published networks were trained with."""

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from posekit.models.rfdetr.losses.matched import Matched
from posekit.models.rfdetr.losses.overlap import iou
from posekit.ops.boxes import xywh_to_xyxy

ALPHA = 0.25
SMALLEST_TARGET = 0.01
EPS = 1e-8


def overlap_aware_loss(matched: Matched) -> Tensor:
    """Return a cross-entropy whose target for a matched query grows with its score and the overlap of its box.

    Unmatched entries are weighted by their squared score, as easy ones have been learned.
    """
    logits = matched.predictions.logits
    scores = logits.sigmoid()
    entry = _matched_entries(matched)
    target = (scores[entry] ** ALPHA * _overlaps(matched) ** (1 - ALPHA)).clamp(min=SMALLEST_TARGET).detach()
    positive = torch.zeros_like(logits).index_put(entry, target)
    negative = scores.square().index_put(entry, 1 - target)
    return (negative * logits - logsigmoid(logits) * (positive + negative)).sum() / matched.object_count


def focal_loss(matched: Matched) -> Tensor:
    """Return the focal loss (Lin et al. 2017, arXiv:1708.02002)."""
    logits = matched.predictions.logits
    target = torch.zeros_like(logits).index_put(_matched_entries(matched), logits.new_ones(()))
    scores = logits.sigmoid()
    wrong = scores * (1 - target) + (1 - scores) * target
    balance = ALPHA * target + (1 - ALPHA) * (1 - target)
    return _weighted(matched, target, balance * wrong.square())


def varifocal_loss(matched: Matched) -> Tensor:
    """Return a variant of the varifocal loss (Zhang et al. 2020, arXiv:2008.13367): targets are overlaps."""
    target = _overlap_targets(matched)
    distance = (matched.predictions.logits.sigmoid() - target).square()
    return _weighted(matched, target, torch.where(target > 0, target, (1 - ALPHA) * distance))


def position_supervised_loss(matched: Matched) -> Tensor:
    """Return the loss of Stable-DINO (Liu et al. 2023, arXiv:2304.04742): overlaps relative to the picture's best."""
    target = _overlap_targets(matched)
    target = target / (target.amax((1, 2), keepdim=True) + EPS)
    distance = (matched.predictions.logits.sigmoid() - target).square()
    return _weighted(matched, target, torch.where(target > 0, ALPHA, 1 - ALPHA) * distance)


def _weighted(matched: Matched, target: Tensor, weight: Tensor) -> Tensor:
    logits = matched.predictions.logits
    entropy = binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (entropy * weight).sum() / matched.object_count


def _overlap_targets(matched: Matched) -> Tensor:
    """Return (B, Q, C): the overlap of matched entries, 0 elsewhere."""
    return torch.zeros_like(matched.predictions.logits).index_put(_matched_entries(matched), _overlaps(matched))


def _matched_entries(matched: Matched) -> tuple[Tensor, Tensor, Tensor]:
    return matched.pairs.pictures, matched.pairs.queries, matched.classes


def _overlaps(matched: Matched) -> Tensor:
    return iou(xywh_to_xyxy(matched.boxes.detach()), xywh_to_xyxy(matched.true_boxes))


CLASS_LOSSES: Final[dict[str, Callable[[Matched], Tensor]]] = {
    "ia_bce": overlap_aware_loss,
    "focal": focal_loss,
    "varifocal": varifocal_loss,
    "position": position_supervised_loss,
}
"""Class losses by the names that the reference implementation gives them."""
