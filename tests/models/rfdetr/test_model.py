"""Models, the files they come from, and as users wish for them."""

import argparse

import pytest
import torch

from posekit.checkpoint.checkpoint import save_checkpoint
from posekit.errors import CheckpointError, SchemaError, SettingError
from posekit.models.rfdetr.architecture import Architecture
from posekit.models.rfdetr.family import PoseOptions, open_rfdetr, pose_model
from posekit.models.rfdetr.weights import WeightsFile
from posekit.schema.schema import COCO_PERSON
from small_rfdetr import SMALLEST, small_model, small_preview_model, small_rfdetr


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


TAILS = ["nose", "left_ear", "tail"]


def file_of(network, **options):
    return WeightsFile(path="m.pth", state=network.state_dict(), options=options)


def test_without_a_wish_it_is_cocos_person():
    model = pose_model(SMALLEST, None, PoseOptions())
    assert model.schema == COCO_PERSON
    assert model.names == {0: "person"}
    assert model.layout.class_rows == 2


def test_points_and_limbs_of_ones_own():
    wish = PoseOptions(num_keypoints=3, keypoint_names=TAILS, skeleton=[[0, 1], [0, 2]], num_classes=2)
    model = pose_model(SMALLEST, None, wish)
    assert model.schema.names == tuple(TAILS)
    assert model.schema.skeleton == ((0, 1), (0, 2))
    assert model.names == {0: "0", 1: "1"}
    assert model.network(torch.rand(1, 3, 64, 64)).last.keypoints.shape == (1, 9, 3, 3)


def test_names_alone_say_how_many():
    assert pose_model(SMALLEST, None, PoseOptions(keypoint_names=TAILS)).schema.count == 3


@pytest.mark.parametrize(
    "wish",
    [
        PoseOptions(num_keypoints=4, keypoint_names=TAILS),
        PoseOptions(keypoint_names=TAILS, skeleton=[[0, 3]]),
        PoseOptions(keypoint_names=TAILS, skeleton=[[0, 1, 2]]),
    ],
)
def test_wishes_that_contradict_themselves(wish):
    with pytest.raises(SchemaError):
        pose_model(SMALLEST, None, wish)


def test_pose_weights_keep_everything_that_is_not_wished_otherwise():
    source = small_model(keypoints=3, names={0: "cat", 1: "dog"})
    file = file_of(source.network, class_names=["cat", "dog"], keypoint_names=TAILS)
    model = pose_model(SMALLEST, file, PoseOptions())
    assert model.names == source.names
    assert model.schema.names == tuple(TAILS)
    state = model.network.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in source.network.state_dict().items())


def test_pose_weights_of_another_number_of_keypoints_start_a_new_last_layer():
    source = small_model(keypoints=3)
    model = pose_model(SMALLEST, file_of(source.network), PoseOptions(num_keypoints=5))
    head, old = model.network.keypoint_head.coord_head.layers, source.network.keypoint_head.coord_head.layers
    assert torch.equal(head[0].weight, old[0].weight)
    assert not head[2].weight.any()


def test_detection_weights_start_a_pose_model_of_persons():
    detector = small_rfdetr(class_rows=91, keypoints=0)
    model = pose_model(SMALLEST, file_of(detector), PoseOptions())
    assert model.names == {0: "person"}
    assert torch.equal(model.network.class_embed.weight, detector.class_embed.weight[:2])


def test_pose_weights_of_another_size_are_refused():
    deeper = Architecture(**{**vars(SMALLEST), "decoder_layers": 3})
    with pytest.raises(CheckpointError, match="2 decoder layers"):
        pose_model(deeper, file_of(small_model().network), PoseOptions())


def test_another_resolution():
    model = pose_model(SMALLEST, file_of(small_model().network), PoseOptions(resolution=96))
    assert model.layout.architecture.resolution == 96
    assert model.network.state_dict()["backbone.0.encoder.encoder.embeddings.position_embeddings"].shape[1] == 37
    with pytest.raises(SettingError, match="multiple of 32"):
        pose_model(SMALLEST, None, PoseOptions(resolution=100))
