"""Models and the files they come from."""

import argparse

import pytest
import torch

from posekit.checkpoint.checkpoint import save_checkpoint
from posekit.errors import CheckpointError
from posekit.models.rfdetr.family import open_rfdetr
from small_rfdetr import small_model, small_preview_model


@pytest.mark.parametrize("make", [small_model, small_preview_model, lambda: small_model(keypoints=0)])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_our_own_files_give_the_model_back(tmp_path, here, make, suffix):
    model, path = make(), tmp_path / f"model{suffix}"
    save_checkpoint(path, model.contents(path))
    loaded = open_rfdetr(path)
    assert (loaded.layout, loaded.names, loaded.schema) == (model.layout, model.names, model.schema)
    state = loaded.network.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in model.network.state_dict().items())


def test_files_of_the_reference_implementation(tmp_path, here):
    model = small_model(names={0: "cat", 1: "dog"})
    options = argparse.Namespace(class_names=["cat", "dog"], resolution=96)
    torch.save({"model": model.network.state_dict(), "args": options}, tmp_path / "model.pth")
    loaded = open_rfdetr(tmp_path / "model.pth")
    assert loaded.names == model.names
    assert loaded.schema == model.schema
    assert loaded.layout.architecture.resolution == 96


def test_weights_of_yolo_are_refused(weights, here):
    with pytest.raises(CheckpointError, match="YOLO"):
        open_rfdetr(weights())


def test_an_incomplete_file_is_refused(tmp_path, here):
    model, path = small_model(), tmp_path / "model.pt"
    contents = model.contents(path)
    del contents.state["keypoint_head.coord_head.layers.0.bias"]
    save_checkpoint(path, contents)
    with pytest.raises(CheckpointError, match="incomplete"):
        open_rfdetr(path)
