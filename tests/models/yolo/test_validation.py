"""How a YOLO network prepares labelled pictures: order, shapes, pixels and labels as recorded."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from posekit.config.settings import ValSettings
from posekit.data.labels import PictureLabels
from posekit.data.loader import labelled_sample
from posekit.engine.scoring import truth_of
from posekit.engine.validation_run import check_settings
from posekit.errors import SettingError
from posekit.models.yolo.inference import YoloInference
from small_networks import small_network

GOLDEN = np.load(Path(__file__).parents[2] / "golden" / "train" / "data_val.npz")
SETTINGS = ValSettings(imgsz=96, batch=2)


@pytest.fixture(scope="module")
def model():
    return YoloInference(small_network(), None, device=torch.device("cpu"))


def labels_of(index):
    text = str(GOLDEN[f"val/label{index}"])
    rows = np.array([line.split() for line in text.splitlines() if line.strip()], np.float32).reshape(-1, 14)
    return PictureLabels(
        path=f"{index}.png",
        size=GOLDEN[f"val/in{index}_bgr"].shape[:2],
        classes=rows[:, 0].astype(np.int64),
        boxes=rows[:, 1:5],
        keypoints=rows[:, 5:].reshape(-1, 3, 3),
    )


def sample_of(model, index):
    picture, labels = GOLDEN[f"val/in{index}_bgr"], labels_of(index)
    height, width = model.placing.load_size(labels.size, 96)
    return labelled_sample(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR), labels)


def recorded_batches(model):
    sizes = [GOLDEN[f"val/in{index}_bgr"].shape[:2] for index in range(5)]
    for number, plan in enumerate(model.placing.plan(sizes, 96, 2, rect=True)):
        yield (
            f"val/batch{number}/",
            model.placing.place([sample_of(model, index) for index in plan.pictures], plan.shape),
        )


def test_recorded_pictures_give_the_recorded_inputs(model):
    for prefix, batch in recorded_batches(model):
        np.testing.assert_array_equal(batch.images.numpy(), GOLDEN[prefix + "img"])


def test_the_way_back_is_the_recorded_one(model):
    for prefix, batch in recorded_batches(model):
        found = [[*box.gain, *box.pad[::-1]] for box in batch.letterboxes]
        np.testing.assert_allclose(found, GOLDEN[prefix + "ratio_pad"], rtol=1e-6)
        assert [list(box.original) for box in batch.letterboxes] == GOLDEN[prefix + "ori_shape"].tolist()


def test_recorded_labels_land_where_recorded(model):
    for prefix, batch in recorded_batches(model):
        height, width = batch.images.shape[2:]
        placed = zip(batch.samples, batch.letterboxes, strict=True)
        truths = [truth_of(*picture, mask_size=None, overlap=True) for picture in placed]
        corners = np.concatenate([truth.boxes for truth in truths]) / (width, height, width, height)
        boxes = np.concatenate(((corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]), 1)
        np.testing.assert_allclose(boxes, GOLDEN[prefix + "bboxes"], atol=1e-6)
        points = np.concatenate([truth.keypoints for truth in truths]) / (width, height, 1)
        np.testing.assert_allclose(points, GOLDEN[prefix + "keypoints"], atol=1e-6)


def test_without_rect_inputs_are_square_and_in_the_order_of_the_data_set(model):
    plans = model.placing.plan([(30, 90)] * 3, 96, 2, rect=False)
    assert [(plan.pictures, plan.shape) for plan in plans] == [((0, 1), (96, 96)), ((2,), (96, 96))]


def test_an_impossible_input_size_is_rounded_up_and_said(model, caplog):
    assert model.adapt(ValSettings(imgsz=100)).imgsz == 128
    assert "no multiple of the stride" in caplog.text


def test_what_a_cpu_cannot_do_is_said(model, caplog):
    settings = model.adapt(ValSettings(imgsz=96, augment=True, precision=16))
    assert not settings.augment
    assert "augment=True" in caplog.text
    assert "half=True" in caplog.text


@pytest.mark.parametrize(("wanted", "told"), [(16, 1), (32, 0)])
def test_only_16_bits_that_were_wanted_are_missed(model, caplog, wanted, told):
    model.adapt(ValSettings(precision=wanted))
    assert caplog.text.count("16-bit") == told


@pytest.mark.parametrize("batch", [-1, 0.5])
def test_what_no_validation_can_follow_is_refused(batch):
    check_settings(ValSettings())
    with pytest.raises(SettingError, match="such as batch=16"):
        check_settings(ValSettings(batch=batch))
    with pytest.raises(SettingError, match="not in 8"):
        check_settings(ValSettings(precision=8))


def test_detections_are_those_of_the_dense_decoding_in_network_pixels(model):
    """Boxes are not clipped, and every anchor point above the threshold takes part."""
    sample = sample_of(model, 2)
    batch = model.placing.place([sample], (128, 128))
    settings = ValSettings(imgsz=96, conf=0.05, iou=1.0, max_det=100)
    (found,) = model.detect(model.run(batch, settings), batch, settings, "prototypes")
    scores = model.run(batch, settings)["one2many"]["scores"].sigmoid()[0].amax(0)
    assert len(found) == min(int((scores > 0.05).sum()), 100) > 0
    assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)
    assert found.keypoints.shape == (len(found), 17, 3)
    assert found.masks is None


@pytest.mark.parametrize(("masks", "size"), [("prototypes", (32, 32)), ("input", (128, 128)), ("original", (64, 64))])
def test_masks_come_at_the_size_asked_for(masks, size):
    model = YoloInference(small_network("yolov8n-seg"), None, device=torch.device("cpu"))
    batch = model.placing.place([sample_of(model, 2)], (128, 128))
    settings = ValSettings(imgsz=96, conf=0.05)
    (found,) = model.detect(model.run(batch, settings), batch, settings, masks)
    assert len(found)
    assert found.masks.shape == (len(found), *size)
    assert found.masks.any()
