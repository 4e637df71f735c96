"""Losses of classes and boxes."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from posekit.models.rfdetr.losses.class_losses import overlap_aware_loss
from posekit.models.rfdetr.losses.matched import Matched
from posekit.models.rfdetr.losses.overlap import generalised_iou
from posekit.ops.boxes import xywh_to_xyxy


@dataclass(frozen=True, kw_only=True)
class DetectionLosses:
    """Scores classes and boxes of one layer.

    Attributes:
        class_loss: one of `CLASS_LOSSES`.
    """

    class_loss: Callable[[Matched], Tensor] = overlap_aware_loss

    def __call__(self, matched: Matched) -> dict[str, Tensor]:
        """Return the losses by name."""
        overlap = generalised_iou(xywh_to_xyxy(matched.boxes), xywh_to_xyxy(matched.true_boxes))
        return {
            "cls_loss": self.class_loss(matched),
            "box_loss": (matched.boxes - matched.true_boxes).abs().sum() / matched.object_count,
            "giou_loss": (1 - overlap).sum() / matched.object_count,
        }
