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
from posekit.errors import SettingError
from posekit.models.yolo.inference import YoloInference, YoloValidation
from small_networks import small_network

GOLDEN = np.load(Path(__file__).parents[2] / "golden" / "train" / "data_val.npz")
SETTINGS = ValSettings(imgsz=96, batch=2)


@pytest.fixture(scope="module")
def model():
    return YoloValidation(YoloInference(small_network(), None, device=torch.device("cpu")))


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
    height, width = model.load_size(labels.size, SETTINGS)
    return labelled_sample(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR), labels)


def recorded_batches(model):
    sizes = [GOLDEN[f"val/in{index}_bgr"].shape[:2] for index in range(5)]
    for number, plan in enumerate(model.plan(sizes, SETTINGS)):
        yield f"val/batch{number}/", model.place([sample_of(model, index) for index in plan.pictures], plan.shape)


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
    plans = model.plan([(30, 90)] * 3, ValSettings(imgsz=96, batch=2, rect=False))
    assert [(plan.pictures, plan.shape) for plan in plans] == [((0, 1), (96, 96)), ((2,), (96, 96))]


def test_an_impossible_input_size_is_rounded_up_and_said(model, caplog):
    assert model.adapt_val(ValSettings(imgsz=100)).imgsz == 128
    assert "no multiple of the stride" in caplog.text


def test_what_a_cpu_cannot_do_is_said(model, caplog):
    settings = model.adapt_val(ValSettings(imgsz=96, augment=True, precision=16))
    assert not settings.augment
    assert "augment=True" in caplog.text
    assert "half=True" in caplog.text


def test_a_batch_that_depends_on_gpu_memory_is_refused(model):
    with pytest.raises(SettingError, match="batch=-1"):
        model.adapt_val(ValSettings(batch=-1))
    with pytest.raises(SettingError, match="not in 8"):
        model.adapt_val(ValSettings(precision=8))


def test_detections_are_those_of_the_dense_decoding_in_network_pixels(model):
    """Boxes are not clipped, and every anchor point above the threshold takes part."""
    sample = sample_of(model, 2)
    batch = model.place([sample], (128, 128))
    settings = ValSettings(imgsz=96, conf=0.05, iou=1.0, max_det=100)
    (found,) = model.detect(model.run(batch, settings), batch, settings, (32, 32))
    scores = model.run(batch, settings)["scores"].sigmoid()[0].amax(0)
    assert len(found) == min(int((scores > 0.05).sum()), 100) > 0
    assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)
    assert found.keypoints.shape == (len(found), 17, 3)
    assert found.masks is None


@pytest.mark.parametrize("size", [(32, 32), (128, 128)])
def test_masks_come_at_the_size_asked_for(size):
    model = YoloValidation(YoloInference(small_network("yolov8n-seg"), None, device=torch.device("cpu")))
    batch = model.place([sample_of(model, 2)], (128, 128))
    settings = ValSettings(imgsz=96, conf=0.05)
    (found,) = model.detect(model.run(batch, settings), batch, settings, size)
    assert len(found)
    assert found.masks.shape == (len(found), *size)
    assert found.masks.any()
