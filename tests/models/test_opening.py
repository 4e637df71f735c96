"""Models of all families by name."""

import pytest
import torch
import yaml

from posekit import YOLO
from posekit.checkpoint.checkpoint import save_checkpoint
from posekit.errors import CheckpointError, ModelDefinitionError, ModelNotFoundError, SettingError
from posekit.models.opening import open_model, open_weights
from posekit.models.rfdetr.model import RFDETRModel
from posekit.models.yolo.family import LoadedModel
from small_rfdetr import small_definition, small_model


@pytest.fixture
def definition(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(small_definition(detections=18)))  # every pair of query and class
    return path


def test_definitions_tell_their_family(definition):
    assert type(open_model("yolov8n-pose.yaml").loaded) is LoadedModel
    opened = open_model(str(definition))
    assert (type(opened.loaded), opened.loaded.task) == (RFDETRModel, "pose")
    assert (opened.trained, opened.path) == (False, None)
    assert opened.loaded.layout.architecture.queries == 9
    detector = tmp_detector(definition)
    assert open_model(str(detector)).loaded.task == "detect"


def tmp_detector(definition):
    path = definition.with_name("detector.yaml")
    path.write_text(yaml.safe_dump(small_definition(size="rf-detr-nano")))
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": "rfdetr-pose-tiny"}, "size 'rfdetr-pose-tiny' is none of rfdetr-pose-nano, "),
        ({"depth": 3}, "depth is no part of an architecture"),
        ({"queries": "many"}, "queries='many' must be a whole number"),
    ],
)
def test_mistakes_in_definitions_are_told(tmp_path, changes, message):
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump(small_definition(**changes)))
    with pytest.raises(ModelDefinitionError, match=message):
        open_model(str(path))


def test_unknown_names_are_those_of_no_family(here):
    with pytest.raises(ModelNotFoundError, match="rfdetr-pose-tiny"):
        open_model("rfdetr-pose-tiny.yaml")


def test_files_tell_their_family(tmp_path, weights):
    model = small_model()
    save_checkpoint(tmp_path / "small.pt", model.contents(tmp_path / "small.pt"))
    torch.save({"model": model.network.state_dict()}, tmp_path / "theirs.pth")
    ours, theirs = (open_weights(str(tmp_path / name)) for name in ("small.pt", "theirs.pth"))
    assert {type(ours.loaded), type(theirs.loaded)} == {RFDETRModel}
    assert ours.trained
    assert theirs.path == str(tmp_path / "theirs.pth")
    assert type(open_weights(str(weights())).loaded) is LoadedModel


def test_a_damaged_file_is_told(tmp_path):
    (tmp_path / "theirs.pth").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="theirs"):
        open_weights(str(tmp_path / "theirs.pth"))


def test_weights_do_not_move_between_families(tmp_path, definition, weights):
    save_checkpoint(tmp_path / "small.pt", small_model().contents(tmp_path / "small.pt"))
    with pytest.raises(SettingError, match="another family"):
        YOLO(definition).load(weights())
    with pytest.raises(SettingError, match="another family"):
        YOLO("yolov8n-pose.yaml").load(tmp_path / "small.pt")


def test_everything_but_training_works_with_any_family(definition, caplog, tmp_path):
    model = YOLO(definition)
    assert (model.task, model.names) == ("pose", {0: "person"})
    before = model.model.get_parameter("class_embed.weight").clone()
    assert not torch.equal(model.reset_weights().model.get_parameter("class_embed.weight"), before)
    layers, parameters, gradients, gflops = model.info(imgsz=64)
    assert parameters == sum(part.numel() for part in model.model.parameters())
    assert parameters - gradients == 64  # the token of hidden patches
    assert layers > 50
    assert gflops > 0.01
    model.save(tmp_path / "saved.pt")
    assert model.fuse() is model
    again = YOLO(tmp_path / "saved.pt")
    (result,) = again.predict(tmp_picture(tmp_path), conf=0.0, max_det=3, verbose=False)
    assert result.keypoints.shape == (3, 17, 3)
    (vector,) = again.embed(tmp_picture(tmp_path), verbose=False)
    assert vector.shape == (64,)
    assert again.load(model).task == "pose"


def tmp_picture(folder):
    import cv2
    import numpy as np

    path = folder / "picture.jpg"
    cv2.imwrite(str(path), np.full((48, 80, 3), 99, np.uint8))
    return str(path)
