"""From raw predictions of the keypoint preview to detections."""

from collections.abc import Callable

import torch
from torch import Tensor

from posekit.models.rfdetr.outputs import Predictions
from posekit.models.rfdetr.postprocess import Found, best_pairs
from posekit.models.rfdetr.preview import channels
from posekit.models.rfdetr.preview.fusion import fuse_scores
from posekit.models.rfdetr.preview.slots import KeypointSlots
from posekit.ops.boxes import xywh_to_xyxy

Fusion = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""Gives scores (n,) for scores (n,), confidences (n, K), factors (n, K, 3) and used places (n, K)."""


def keep_scores(scores: Tensor, confidence: Tensor, factor: Tensor, used: Tensor) -> Tensor:
    """Return the scores as they are."""
    return scores


def find_uncertain(predictions: Predictions, count: int, slots: KeypointSlots, fuse: Fusion = fuse_scores) -> Found:
    """Return the detections of one picture, in the order of their scores before fusion.

    Args:
        predictions: of one picture, without the batch axis.
        count: most detections.
        slots: keypoints per class.
        fuse: how keypoints change the scores.

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
    own = raw[torch.arange(len(slot), device=slot.device), slot]  # (n, widest, 8)
    confidence = own[..., channels.FINDABLE].sigmoid()
    factor = own[..., channels.PRECISION]
    scores = torch.where(with_slot, fuse(best.scores, confidence, factor, used), best.scores)
    keypoints = torch.cat((own[..., channels.PLACE], confidence[..., None]), -1)
    return Found(
        scores,
        best.classes,
        xywh_to_xyxy(predictions.boxes[best.queries]),
        torch.where(used[..., None], keypoints, 0),
        torch.where(used[..., None], factor, torch.nan),
    )
