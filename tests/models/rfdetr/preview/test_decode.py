"""Detections of the keypoint preview."""

import numpy as np
import pytest
import torch

from golden.rfdetr_files import arrays, tensors
from posekit.models.rfdetr.architecture import KeypointSlots
from posekit.models.rfdetr.decode import best_pairs, covariance, find_uncertain
from posekit.models.rfdetr.network import Predictions

PIXELS = 1e-4


def picture(parts, index):
    return Predictions(*(part[index] for part in parts))


def in_pixels(found, size):
    """Return boxes and keypoints (x, y, confidence) in pixels of a picture (h, w)."""
    height, width = size
    boxes = found.boxes * torch.tensor([width, height, width, height])
    return boxes, found.keypoints * torch.tensor([width, height, 1])


@pytest.fixture(scope="module")
def recorded():
    keys = ("pred_logits", "pred_boxes", "pred_keypoints")
    return picture(tensors("eval_keypoint_preview", *keys), 0), arrays("post_keypoint_preview")


def test_recorded_detections(recorded):
    predictions, stored = recorded
    size = tuple(stored["target_size"].tolist())
    found = find_uncertain(predictions, 100, KeypointSlots((0, 17)))
    boxes, keypoints = in_pixels(found, size)
    clipped = boxes.clamp(torch.zeros(4), torch.tensor([size[1], size[0]] * 2))  # as recorded
    np.testing.assert_array_equal(found.classes, stored["labels"])
    np.testing.assert_allclose(found.scores, stored["scores"], atol=1e-6)
    np.testing.assert_allclose(clipped, stored["boxes"], atol=PIXELS)
    np.testing.assert_allclose(keypoints, stored["keypoints"], atol=PIXELS)
    np.testing.assert_allclose(found.precision, stored["precision_cholesky"], atol=1e-6)
    np.testing.assert_allclose(covariance(found.precision, size), stored["covariance"], rtol=1e-5)


def test_recorded_scores_without_fusion(recorded):
    predictions, stored = recorded
    np.testing.assert_allclose(best_pairs(predictions.logits, 100).scores, stored["scores_without_fusion"], atol=1e-6)


@pytest.mark.parametrize("case", ["a", "b"])
@pytest.mark.parametrize(("index", "size"), [(0, (480, 640)), (1, (300, 200))])
def test_recorded_detections_of_several_classes(case, index, size):
    stored = arrays("losses_keypoint_preview")
    parts = tensors("losses_keypoint_preview", *(f"{case}/pred_{part}" for part in ("logits", "boxes", "keypoints")))
    found = find_uncertain(picture(parts, index), 8, KeypointSlots(tuple(stored[f"{case}/schema"])))
    boxes, keypoints = in_pixels(found, size)
    start = f"{case}/post{index}_"
    np.testing.assert_array_equal(found.classes, stored[f"{start}labels"])
    np.testing.assert_allclose(found.scores, stored[f"{start}scores"], atol=1e-6)
    np.testing.assert_allclose(boxes, stored[f"{start}boxes"], atol=PIXELS)
    np.testing.assert_allclose(keypoints, stored[f"{start}keypoints"], atol=PIXELS)
    np.testing.assert_allclose(found.precision, stored[f"{start}keypoint_precision_cholesky"], atol=1e-6)


def test_labels_without_a_slot_keep_their_score_and_have_no_keypoints():
    logits = torch.tensor([[-5.0, -5.0, 2.0]])
    found = find_uncertain(Predictions(logits, torch.rand(1, 4), torch.randn(1, 8, 8)), 1, KeypointSlots((0, 4)))
    torch.testing.assert_close(found.scores, torch.tensor([2.0]).sigmoid())
    assert not found.keypoints.any()
    assert found.precision.isnan().all()
