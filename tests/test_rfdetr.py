"""RF-DETR models as users hold them."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import supervision as sv
import torch
from PIL import Image

import posekit
from golden.fill import image
from golden.rfdetr_files import recorded_keys
from posekit import RFDETRPose, RFDETRPoseLarge, RFDETRPoseMedium, RFDETRPoseNano, RFDETRPoseSmall
from posekit.errors import CheckpointError, OutputError, SettingError, UnknownSettingError, WeightsNotFoundError
from posekit.models.keypoint_head import COCO_SKELETON
from posekit.results.detected import Detected
from posekit.rfdetr import RFDETR, to_supervision
from small_rfdetr import small_model, small_preview_model

RGB = np.ascontiguousarray(image(96, 128, 0)[..., ::-1])


@pytest.fixture(scope="module")
def model():
    return RFDETR(small_model(), device="cpu")


def test_what_comes_out(model):
    detections = model.predict(RGB, threshold=0.3)
    count = len(detections)
    assert isinstance(detections, sv.Detections)
    assert count
    assert (detections.confidence > 0.3).all()
    assert (np.diff(detections.confidence) <= 0).all()
    assert set(detections.class_id) == {0}
    assert set(detections.data["class_name"]) == {"person"}
    keypoints, confidence = detections.data["keypoints"], detections.data["keypoints_confidence"]
    assert keypoints.shape == (count, 17, 3)
    assert confidence.shape == (count, 17)
    np.testing.assert_array_equal(keypoints[..., 2], np.where(confidence > 0.5, 2, 0))
    assert ((keypoints[..., :2] >= 0) & (keypoints[..., :2] <= [128, 96])).all()


def test_every_form_of_a_picture_gives_the_same(model, tmp_path):
    path = tmp_path / "p.png"
    cv2.imwrite(str(path), image(96, 128, 0))
    expected = model.predict(RGB, threshold=0.3)
    tensor = torch.from_numpy(RGB).permute(2, 0, 1) / 255
    for form in (Image.fromarray(RGB), path, str(path), image(96, 128, 0)[:, :, ::-1], RGB / 255, tensor):
        found = model.predict(form, threshold=0.3)
        np.testing.assert_allclose(found.xyxy, expected.xyxy, atol=0.01)


def test_a_list_gives_a_list_in_its_order(model):
    other = np.ascontiguousarray(image(60, 50, 1)[..., ::-1])
    both = model.predict([RGB, other], threshold=0.3)
    assert len(both) == 2
    for found, picture in zip(both, (RGB, other), strict=True):
        np.testing.assert_allclose(found.xyxy, model.predict(picture, threshold=0.3).xyxy, atol=0.01)
    assert model.predict([]) == []


def test_nothing_found_keeps_its_shapes(model):
    nothing = model.predict(RGB, threshold=1.0)
    assert len(nothing) == 0
    assert nothing.data["keypoints"].shape == (0, 17, 3)
    assert nothing.data["keypoints_confidence"].shape == (0, 17)


def test_annotators_and_filters_take_the_detections(model):
    detections = model.predict(RGB, threshold=0.3)
    assert sv.BoxAnnotator().annotate(RGB.copy(), detections).shape == RGB.shape
    half = detections[: len(detections) // 2]
    assert len(half.data["keypoints"]) == len(half)


def test_a_threshold_that_is_none(model):
    with pytest.raises(SettingError, match="threshold"):
        model.predict(RGB, threshold=50)


def test_the_preview_says_how_sure_it_is():
    detections = RFDETR(small_preview_model(), device="cpu").predict(RGB, threshold=0.1)
    assert len(detections)
    assert set(detections.class_id) == {1}
    spread = detections.data["covariance"]
    assert spread.shape == (len(detections), 17, 2, 2)
    assert (np.linalg.eigvalsh(spread[np.isfinite(spread).all((2, 3))]) > 0).all()


def test_visible_is_more_sure_than_not():
    keypoints = torch.tensor([[[0.5, 0.5, 0.5], [0.25, 0.5, 0.51]]])
    found = Detected(
        boxes=torch.tensor([[0.0, -0.5, 0.5, 2.0]]), scores=torch.ones(1), classes=torch.zeros(1, dtype=torch.int64),
        keypoints=keypoints,
    )  # fmt: skip
    made = to_supervision(found, (100, 200), {0: "person"})
    assert made.data["keypoints"].tolist() == [[[100, 50, 0], [50, 50, 2]]]
    assert made.xyxy.tolist() == [[0, 0, 100, 100]]


@pytest.mark.parametrize(
    ("kind", "variant", "resolution", "layers"),
    [
        (RFDETRPoseNano, "nano", 384, 2),
        (RFDETRPoseSmall, "small", 512, 3),
        (RFDETRPose, "medium", 576, 4),
        (RFDETRPoseMedium, "medium", 576, 4),
        (RFDETRPoseLarge, "large", 768, 6),
    ],
)
def test_sizes_start_from_detection_weights(here, kind, variant, resolution, layers):
    file = "rf-detr-large-2026.pth" if variant == "large" else f"rf-detr-{variant}.pth"
    shapes, booleans = recorded_keys(variant)
    state = {name: torch.full(shape, 0.01) for name, shape in shapes.items() if name not in booleans}
    torch.save({"model": state}, here / file)
    model = kind(device="cpu")
    assert model.resolution == resolution
    assert len(model.model.network.transformer.decoder.layers) == layers
    assert model.schema.count == 17
    moved = model.model.network.state_dict()
    assert (moved["transformer.decoder.layers.0.linear1.weight"] == 0.01).all()
    assert not moved["keypoint_head.coord_head.layers.2.weight"].any()


def test_a_model_is_saved_and_opened_again(model, here):
    model.save(here / "mine.pt")
    with pytest.raises(CheckpointError, match="2 decoder layers"):
        RFDETRPoseLarge(pretrain_weights="mine.pt", device="cpu")
    again = RFDETRPoseNano(pretrain_weights="mine.pt", device="cpu")  # two layers, too
    np.testing.assert_array_equal(again.predict(RGB, 0.3).xyxy, model.predict(RGB, 0.3).xyxy)


def test_ones_own_keypoints_start_at_random_without_any_file(here):
    names = [f"point_{index}" for index in range(21)]
    model = RFDETRPoseNano(
        num_keypoints=21, keypoint_names=names, skeleton=[[0, 1], [1, 2]], pretrain_weights=None, device="cpu"
    )
    assert model.schema.names == tuple(names)
    assert model.schema.skeleton == ((0, 1), (1, 2))
    assert model.predict(RGB, threshold=0.5).data["keypoints"].shape == (0, 21, 3)


def test_weights_that_are_nowhere(here):
    with pytest.raises(WeightsNotFoundError, match=r"pose\.pth"):
        RFDETRPose(pretrain_weights="pose.pth")


def test_the_skeleton_of_coco():
    assert len(COCO_SKELETON) == 19
    assert COCO_SKELETON[0] == (15, 13)
    assert COCO_SKELETON[-1] == (4, 6)
    assert {"RFDETRPose", "RFDETRPoseNano", "RFDETRKeypointPreview"} <= set(dir(posekit))


# Export -------------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
def test_export_makes_the_folder_and_leaves_the_model_as_it_was(tmp_path):
    model = RFDETR(small_model(), device="cpu", name="mine")
    before = {name: tensor.clone() for name, tensor in model.model.network.state_dict().items()}
    expected = model.predict(RGB, threshold=0.3)
    path = model.export(output_dir=tmp_path / "new" / "folder", format="torchscript", check=False)
    assert path == str(tmp_path / "new" / "folder" / "mine.torchscript")
    after = model.model.network.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    found = model.predict(RGB, threshold=0.3)
    np.testing.assert_array_equal(found.xyxy, expected.xyxy)
    np.testing.assert_array_equal(found.data["keypoints"], expected.data["keypoints"])
    (result,) = posekit.YOLO(path).predict(image(96, 128, 0), conf=0.3, verbose=False)
    np.testing.assert_allclose(result.boxes.xyxy, expected.xyxy, atol=0.01)
    np.testing.assert_allclose(result.keypoints.xy, expected.data["keypoints"][..., :2], atol=0.01)


@pytest.mark.filterwarnings("ignore")
def test_by_default_export_writes_onnx_into_output(tmp_path, monkeypatch):
    for package in ("onnxscript", "onnxslim", "onnxruntime"):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    small = small_model()
    path = RFDETR(small, device="cpu").export(simplify=False, check=False)
    assert path == str(Path("output") / "rfdetr.onnx")
    assert Path(path).is_file()


def test_a_setting_that_is_none_is_named(model, tmp_path):
    with pytest.raises(UnknownSettingError, match="dynamical"):
        model.export(tmp_path, dynamical=True)
    with pytest.raises(SettingError, match="format"):
        model.export(tmp_path, format="onx")


def test_a_folder_that_cannot_be_made_is_named(model, tmp_path):
    (tmp_path / "taken").touch()
    with pytest.raises(OutputError, match="taken"):
        model.export(tmp_path / "taken", format="torchscript")
