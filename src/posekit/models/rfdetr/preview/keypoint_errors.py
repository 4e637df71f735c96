"""How wrong uncertain keypoints are."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

from posekit.models.rfdetr.preview import channels

VISIBLE = 2
SMALLEST_AREA = torch.finfo(torch.float32).eps


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
        found: (..., K, 8) predictions (see `channels`).
        true: (..., K, 3) x, y as fractions of the picture, visibility.
        areas: (...) of the objects' boxes as fractions of the picture.
        used: (..., K) bool, False for places that the object's class has no keypoint for.
    """
    found, known = _known(found)
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


def _known(found: Tensor) -> tuple[Tensor, Tensor]:
    """Return keypoints with 0 in place of those with a value that is not finite, and which are as predicted."""
    known = found.isfinite().all(-1)
    return torch.where(known[..., None], found, 0), known


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
