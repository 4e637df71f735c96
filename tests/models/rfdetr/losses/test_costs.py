"""Costs of matching are those recorded."""

import numpy as np
import pytest

from golden.rfdetr_files import arrays, recorded_targets, tensors
from posekit.models.rfdetr.losses import box_cost, class_cost, detection_cost, giou_cost
from posekit.models.rfdetr.network import Predictions

RELATIVE = 1e-5


@pytest.fixture(scope="module")
def recorded():
    logits, boxes = tensors("losses", "pred_logits", "pred_boxes")
    return Predictions(logits[0], boxes[0]), recorded_targets("losses")


def test_each_cost(recorded):
    predictions, targets = recorded
    stored = arrays("losses")
    costs = {
        "class": class_cost(predictions.logits, targets.classes),
        "bbox": box_cost(predictions.boxes, targets.boxes),
        "giou": giou_cost(predictions.boxes, targets.boxes),
    }
    for name, cost in costs.items():
        np.testing.assert_allclose(cost, stored[f"cost_{name}"], rtol=RELATIVE, atol=1e-6, err_msg=name)


def test_their_weighted_sum(recorded):
    stored = arrays("losses")
    total = 2 * stored["cost_class"] + 5 * stored["cost_bbox"] + 2 * stored["cost_giou"]
    np.testing.assert_allclose(detection_cost(*recorded), total, rtol=RELATIVE, atol=1e-5)
