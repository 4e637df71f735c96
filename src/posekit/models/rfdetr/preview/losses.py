"""Matching cost and losses of the keypoint preview."""

from dataclasses import dataclass
from typing import Final

from torch import Tensor

from posekit.models.rfdetr.losses.costs import detection_cost
from posekit.models.rfdetr.losses.criterion import POSE_WEIGHTS, SetCriterion
from posekit.models.rfdetr.losses.detection_losses import DetectionLosses
from posekit.models.rfdetr.losses.matched import Matched
from posekit.models.rfdetr.outputs import Predictions
from posekit.models.rfdetr.preview.keypoint_errors import KeypointErrors, keypoint_errors
from posekit.models.rfdetr.preview.slots import KeypointSlots
from posekit.sample import Targets

PREVIEW_WEIGHTS: Final = {
    **{name: POSE_WEIGHTS[name] for name in ("cls_loss", "box_loss", "giou_loss")},
    "kpt_l1_loss": 1.0,
    "kpt_find_loss": 1.0,
    "kpt_vis_loss": 1.0,
    "kpt_nll_loss": 1.0,
}


@dataclass(frozen=True)
class UncertainKeypointLosses:
    """Scores keypoints of one layer.

    Attributes:
        slots: keypoints per class.
    """

    slots: KeypointSlots

    def __call__(self, matched: Matched) -> dict[str, Tensor]:
        """Return the losses by name."""
        names = ("kpt_l1_loss", "kpt_find_loss", "kpt_vis_loss", "kpt_nll_loss")
        if not matched.has_keypoints:
            return dict.fromkeys(names, matched.predictions.boxes.new_zeros(()))
        found = _by_class(matched.keypoints, self.slots)
        own = found.gather(1, matched.classes.view(-1, 1, 1, 1).expand(-1, 1, *found.shape[2:])).squeeze(1)
        errors = _errors(own, matched.true_keypoints, matched.true_boxes, matched.classes, self.slots)
        return dict(zip(names, (error.sum() / matched.object_count for error in errors), strict=True))


@dataclass(frozen=True)
class PreviewCost:
    """Cost of matching queries with objects by class, box and keypoints.

    Attributes:
        slots: keypoints per class.
    """

    slots: KeypointSlots

    def __call__(self, predictions: Predictions, targets: Targets) -> Tensor:
        """Return (Q, n) for the queries and objects of one picture."""
        cost = detection_cost(predictions, targets)
        if predictions.keypoints is None or targets.keypoints is None:
            return cost
        place, findable, visible, likelihood = self.keypoint_errors(predictions.keypoints, targets)
        return cost + place + findable + visible + likelihood

    def keypoint_errors(self, keypoints: Tensor, targets: Targets) -> KeypointErrors:
        """Return the errors (Q, n) of keypoints (Q, slots * widest, 8), each query against each object."""
        assert targets.keypoints is not None
        found = _by_class(keypoints, self.slots)[:, targets.classes]
        return _errors(found, targets.keypoints, targets.boxes, targets.classes, self.slots)


def preview_criterion(slots: KeypointSlots) -> SetCriterion:
    """Return the criterion of a keypoint preview network."""
    return SetCriterion([DetectionLosses(), UncertainKeypointLosses(slots)], PREVIEW_WEIGHTS, PreviewCost(slots))


def _by_class(keypoints: Tensor, slots: KeypointSlots) -> Tensor:
    """Return (n, slots, widest, 8) for padded keypoints (n, slots * widest, 8)."""
    return keypoints.view(len(keypoints), len(slots.counts), slots.widest, -1)


def _errors(found: Tensor, true: Tensor, boxes: Tensor, classes: Tensor, slots: KeypointSlots) -> KeypointErrors:
    used = slots.mask().to(classes.device)[classes]
    return keypoint_errors(found, true[:, : slots.widest], boxes[:, 2:].prod(-1), used)
