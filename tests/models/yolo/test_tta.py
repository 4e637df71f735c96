"""Test-time augmentation gives the recorded predictions."""

import numpy as np
import torch

from golden.networks import FOLDER, assert_recorded, golden_input, golden_network
from posekit.models.yolo.decode import DecodeRule, augmented_predictions, decode_dense


def test_augmented_predictions_equal_the_recording():
    network = golden_network("yolov8n")
    rule = DecodeRule.of(network.head.spec)

    def predict(images):
        return decode_dense(network(images)["one2many"], rule, network.strides)

    with torch.no_grad(), np.load(FOLDER / "models" / "yolov8n_tta.npz") as file:
        joined = augmented_predictions(predict, golden_input(128, 160), network.max_stride, len(network.strides))
        assert_recorded(file, "decoded", joined, absolute=1e-3, relative=1e-4)
