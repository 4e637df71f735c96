"""Networks come out of files as they went in."""

import argparse

import pytest
import torch

from posekit.errors import CheckpointError
from posekit.models.rfdetr.architecture import Layout
from posekit.models.rfdetr.weights import build_network, network_from_file, read_weights_file, start_from_file
from small_rfdetr import SMALLEST, small_preview, small_rfdetr

POSE = Layout(architecture=SMALLEST, class_rows=2, keypoints=5)


def file_of(path, state):
    torch.save({"model": state, "args": argparse.Namespace(resolution=64)}, path)
    return read_weights_file(path)


@pytest.mark.parametrize("make", [small_rfdetr, small_preview, lambda: small_rfdetr(keypoints=0)])
def test_a_file_gives_its_network_back(tmp_path, make):
    original, images = make(), torch.rand(1, 3, 64, 64)
    state = original.state_dict()
    # As in the published files: an unused projection in the preview's, no mask in the detectors'.
    state["keypoint_head.keypoint_proj.weight"] = torch.zeros(1)
    if not state["_kp_active_mask"].numel():
        del state["_kp_active_mask"]
    loaded, _ = network_from_file(file_of(tmp_path / "m.pth", state))
    assert not loaded.training
    with torch.no_grad():
        before, after = original(images).last, loaded(images).last
    for part, same in zip(before, after, strict=True):
        assert part is same is None or torch.equal(part, same)


def test_a_detector_starts_a_pose_model_with_a_new_head(tmp_path):
    detector = small_rfdetr(class_rows=91, keypoints=0)
    network = build_network(POSE)
    new = start_from_file(network, POSE, file_of(tmp_path / "m.pth", detector.state_dict()))
    assert new
    assert all(name.startswith("keypoint_head.") for name in new)
    assert torch.equal(network.bbox_embed.layers[0].weight, detector.bbox_embed.layers[0].weight)
    assert torch.equal(network.class_embed.weight, detector.class_embed.weight[:2])


def test_missing_tensors_are_named(tmp_path):
    state = small_rfdetr().state_dict()
    del state["bbox_embed.layers.1.bias"]
    with pytest.raises(CheckpointError, match=r"bbox_embed\.layers\.1\.bias is missing"):
        network_from_file(file_of(tmp_path / "m.pth", state))


def test_a_pose_head_without_its_visibility_is_incomplete(tmp_path):
    state = small_rfdetr().state_dict()
    state = {name: tensor for name, tensor in state.items() if "visibility_head" not in name}
    with pytest.raises(CheckpointError, match="incomplete"):
        network_from_file(file_of(tmp_path / "m.pth", state))


def test_left_over_tensors_are_named(tmp_path):
    state = small_rfdetr().state_dict() | {"mystery.weight": torch.zeros(1)}
    with pytest.raises(CheckpointError, match=r"mystery\.weight is left over"):
        network_from_file(file_of(tmp_path / "m.pth", state))


def test_another_width_is_refused(tmp_path):
    target = Layout(architecture=SMALLEST.__class__(**{**vars(SMALLEST), "width": 32}), class_rows=2, keypoints=5)
    file = file_of(tmp_path / "m.pth", small_rfdetr().state_dict())
    with pytest.raises(CheckpointError, match="instead of"):
        start_from_file(build_network(target), target, file)
