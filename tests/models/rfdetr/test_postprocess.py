"""From predictions to detections."""

import numpy as np
import pytest
import torch

from golden.networks import assert_recorded
from golden.rfdetr_files import arrays, golden_network, picture, tensors
from posekit.models.rfdetr.decode import best_pairs, find
from posekit.models.rfdetr.network import Predictions
from posekit.ops.boxes import clip_boxes

PIXELS = 1e-4


def in_pixels(found, size):
    height, width = size
    return found.boxes * torch.tensor([width, height, width, height])


@pytest.mark.parametrize("index", [0, 1])
def test_recorded_detections(index):
    stored = arrays("postprocess")
    parts = tensors("postprocess", "pred_logits", "pred_boxes", "pred_keypoints")
    height, width = stored["target_sizes"][index].tolist()
    found = find(Predictions(*(part[index] for part in parts)), int(stored["num_select"]))
    boxes = in_pixels(found, (height, width))
    confidence = found.keypoints[..., 2]
    keypoints = torch.cat(
        (found.keypoints[..., :2] * torch.tensor([width, height]), 2.0 * (confidence > 0.5)[..., None]), -1
    )
    for kind, made in (("pose", boxes), ("detection", clip_boxes(boxes, (height, width)))):
        np.testing.assert_allclose(found.scores, stored[f"{kind}{index}_scores"], atol=1e-6)
        np.testing.assert_array_equal(found.classes, stored[f"{kind}{index}_labels"])
        np.testing.assert_allclose(made, stored[f"{kind}{index}_boxes"], atol=PIXELS)
    np.testing.assert_allclose(keypoints, stored[f"pose{index}_keypoints"], atol=PIXELS)
    np.testing.assert_allclose(confidence, stored[f"pose{index}_keypoints_confidence"], atol=1e-6)


def test_recorded_detections_of_a_whole_network():
    stored = arrays("pose_nano")
    height, width = stored["target_size"].tolist()
    with torch.no_grad():
        predictions = golden_network("pose_nano")(picture("pose_nano", 384, 384)).last
    found = find(Predictions(*(part[0] for part in predictions)), 300)
    np.testing.assert_array_equal(found.classes, stored["post_labels"])
    assert_recorded(stored, "post_scores", found.scores, absolute=1e-4, relative=0)
    assert_recorded(stored, "post_boxes", in_pixels(found, (height, width)), absolute=0.05, relative=1e-4)
    places = found.keypoints[:100, :, :2] * torch.tensor([width, height])
    confidence = found.keypoints[:100, :, 2]
    keypoints = torch.cat((places, 2.0 * (confidence > 0.5)[..., None]), -1)
    assert_recorded(stored, "post_keypoints", keypoints, absolute=0.05, relative=0)
    assert_recorded(stored, "post_keypoints_confidence", confidence.contiguous(), absolute=1e-4, relative=0)


def test_of_equal_scores_the_first_is_taken():
    best = best_pairs(torch.zeros(4, 2), 3)
    assert best.queries.tolist() == [0, 0, 1]
    assert best.classes.tolist() == [0, 1, 0]


def test_no_more_pairs_than_there_are():
    assert len(best_pairs(torch.zeros(2, 3), 300).scores) == 6
