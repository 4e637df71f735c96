"""Loss terms of boxes and classes."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from posekit.models.yolo.losses.ciou import complete_iou
from posekit.models.yolo.losses.matched import Matched

BIN_MARGIN = 0.01  # keeps the upper of the two bins around a distance within range


def class_term(matched: Matched) -> Tensor:
    """Return the binary cross-entropy of all class scores with the scores to aim at."""
    logits, positives = matched.raw["scores"], matched.positives
    labels = matched.objects.labels[positives.pictures, positives.slots]
    target = torch.zeros_like(logits)
    target[positives.pictures, labels, positives.anchors] = positives.scores
    weights = matched.rules.class_weights
    factors = None if weights is None else weights.to(logits)[:, None]  # (nc, 1)
    return binary_cross_entropy_with_logits(logits, target, factors, reduction="sum") / matched.weight_sum


def box_term(matched: Matched) -> Tensor:
    """Return 1 - CIoU of the boxes, weighted by score, in cells."""
    near, far = _distances(matched.box_bins).chunk(2, 1)
    found = torch.cat((matched.points - near, matched.points + far), 1)
    overlap = complete_iou(found, matched.true_boxes / matched.strides)
    return ((1 - overlap) * matched.positives.scores).sum() / matched.weight_sum


def dfl_term(matched: Matched) -> Tensor:
    """Return the distribution focal loss of the four distances, weighted by score."""
    loss = distribution_focal_loss(matched.box_bins, _true_distances(matched)).mean(1)
    return (loss * matched.positives.scores).sum() / matched.weight_sum


def l1_term(matched: Matched) -> Tensor:
    """Return the L1 loss of the four distances as fractions of the input, weighted by score."""
    height, width = matched.grid.size
    scale = matched.strides / matched.points.new_tensor((width, height, width, height))  # (P, 4)
    error = (matched.box_bins[:, :, 0] - _true_distances(matched)) * scale
    return (error.abs().mean(1) * matched.positives.scores).sum() / matched.weight_sum


def distribution_focal_loss(bins: Tensor, target: Tensor) -> Tensor:
    """Return the cross-entropy (..., ) of bins with the two around each distance (Li et al. 2020, arXiv:2006.04388).

    Args:
        bins: (..., reg_max) logits.
        target: (...) distances in cells; clamped to what the bins can say.
    """
    target = target.clamp(0, bins.shape[-1] - 1 - BIN_MARGIN)
    lower = target.floor()
    share = target - lower
    log_p = bins.log_softmax(-1)
    index = lower.long()[..., None]
    below, above = log_p.gather(-1, index)[..., 0], log_p.gather(-1, index + 1)[..., 0]
    return -((1 - share) * below + share * above)


def _distances(bins: Tensor) -> Tensor:
    """Return the distances (P, 4) in cells that bins (P, 4, reg_max) stand for."""
    if bins.shape[2] == 1:
        return bins[:, :, 0]
    return bins.softmax(2) @ torch.arange(bins.shape[2], device=bins.device, dtype=bins.dtype)


def _true_distances(matched: Matched) -> Tensor:
    """Return the distances (P, 4) from anchor points to the sides of the true boxes, in cells."""
    near, far = (matched.true_boxes / matched.strides).chunk(2, 1)
    return torch.cat((matched.points - near, far - matched.points), 1)
