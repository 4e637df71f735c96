"""From raw outputs to detections: gathering first and decoding all afterwards agree; augmentation is as recorded."""

import numpy as np
import pytest
import torch

from golden.networks import FOLDER, assert_recorded, golden_input, golden_network
from posekit.models.yolo.decode import (
    DecodeRule,
    anchor_points,
    augmented_predictions,
    decode_dense,
    detect_dense,
    detect_one2many,
)
from posekit.ops.nms import Suppression
from small_networks import small_network


def outputs_of(network):
    """Return raw outputs, the same without batch axis, anchor points and the rule, for each set of branches."""
    with torch.no_grad():
        outputs = network(golden_input(96, 128))
    for branch, raw in outputs.items():
        single = {key: value[0] for key, value in raw.items() if key != "feats"}
        yield branch, raw, single, anchor_points(raw["feats"], network.strides), DecodeRule.of(network.head.spec)


CHOICES = [
    Suppression(),
    Suppression(conf=0.1, iou=0.3, max_det=5),
    Suppression(conf=0.05, classes=(1,)),
    Suppression(conf=0.05, agnostic=True),
    Suppression(conf=0.999),
]


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("name", ["yolov8n-pose", "yolo26n-pose"])
def test_decoding_only_what_passes_equals_decoding_everything(name, choice):
    network = small_network(name, nc=2)
    _, raw, single, anchors, rule = next(outputs_of(network))
    decoded = decode_dense(raw, rule, network.strides)[0, : 4 + 2]
    (gathered, where), (dense, there) = detect_one2many(single, anchors, rule, choice), detect_dense(decoded, choice)
    torch.testing.assert_close(gathered.boxes, dense.boxes, atol=1e-3, rtol=1e-5)
    torch.testing.assert_close(gathered.scores, dense.scores)
    assert torch.equal(gathered.classes, dense.classes)
    assert torch.equal(where, there)


@pytest.mark.parametrize("choice", CHOICES)
def test_detections_keep_what_was_asked_for(choice):
    _, _, single, anchors, rule = next(outputs_of(small_network(nc=2)))
    found, where = detect_one2many(single, anchors, rule, choice)
    assert len(found.boxes) == len(found.scores) == len(found.classes) == len(where) <= choice.max_det
    assert (found.scores > choice.conf).all()
    assert torch.equal(found.scores, found.scores.sort(descending=True).values)
    assert choice.classes is None or set(found.classes.tolist()) <= set(choice.classes)
    assert (len(found.boxes) == 0) == (choice.conf == 0.999)


def test_augmented_predictions_equal_the_recording():
    network = golden_network("yolov8n")
    rule = DecodeRule.of(network.head.spec)

    def predict(images):
        return decode_dense(network(images)["one2many"], rule, network.strides)

    with torch.no_grad(), np.load(FOLDER / "models" / "yolov8n_tta.npz") as file:
        joined = augmented_predictions(predict, golden_input(128, 160), network.max_stride, len(network.strides))
        assert_recorded(file, "decoded", joined, absolute=1e-3, relative=1e-4)
