"""Four class losses, with the recorded values."""

import pytest

from golden.rfdetr_files import arrays, recorded_targets, tensors
from posekit.models.rfdetr.losses import CLASS_LOSSES, DETECTION_WEIGHTS, DetectionLosses, SetCriterion
from posekit.models.rfdetr.network import Outputs, Predictions


@pytest.mark.parametrize("kind", CLASS_LOSSES)
def test_recorded_values(kind):
    predictions = Predictions(*tensors("losses", "pred_logits", "pred_boxes"))
    criterion = SetCriterion([DetectionLosses(class_loss=CLASS_LOSSES[kind])], DETECTION_WEIGHTS)
    losses = criterion.by_layer(Outputs(last=predictions, groups=3), recorded_targets("losses"))["last"]
    for name, recorded in (("cls_loss", "loss_ce"), ("box_loss", "loss_bbox"), ("giou_loss", "loss_giou")):
        assert float(losses[name]) == pytest.approx(float(arrays("losses")[f"{kind}/{recorded}"]), rel=1e-5)
