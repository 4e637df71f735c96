"""Boxes, masks and keypoints of the same objects, from one pass; several classes with different points."""

import json

import numpy as np
import pytest
import torch

from posekit import YOLO
from posekit.config.settings import ValSettings
from posekit.models.yolo.inference import YoloInference
from posekit.results.drawing import draw_results
from posekit.sample import Sample
from posekit.schema.schema import KeypointSchema
from posekit.viz.draw import DrawOptions
from small_networks import small_network


@pytest.mark.parametrize(
    ("name", "nms"),
    [
        ("yolov8n-multitask", None),
        ("yolo11n-multitask", None),
        ("yolo26n-multitask", True),
        ("yolo26n-multitask", False),
    ],
)
def test_the_parts_of_a_result_are_of_the_same_objects(weights, picture, name, nms):
    (result,) = YOLO(weights(name))(picture, nms=nms, conf=0.25, verbose=False)
    assert len(result) == len(result.boxes) == len(result.masks) == len(result.keypoints) > 0
    found = result.to_supervision()
    assert len(found.mask) == len(found.data["keypoints"]) == len(result)
    row = json.loads(result.to_json())[0]
    assert {"box", "segments", "keypoints"} <= row.keys()
    drawn, bare = result.plot(kpt_line=False), result.new()
    bare.update(boxes=result.boxes.data, masks=result.masks.data)
    assert result.masks.data.any()
    assert result.keypoints.data[..., :2].std() > 1
    assert (drawn != bare.plot()).any()


def test_an_empty_mask_costs_neither_box_nor_keypoints(weights, picture, tmp_path):
    model = YOLO(weights("yolo11n-multitask"))
    (whole,) = model(picture, conf=0.25, verbose=False)
    with torch.no_grad():
        model.model.model[-1].proto.cv3.conv.weight.zero_()
        model.model.model[-1].proto.cv3.bn.bias.fill_(-1e9)
    (result,) = model(picture, conf=0.25, verbose=False)
    assert not result.masks.data.any()
    assert torch.equal(result.boxes.data, whole.boxes.data)
    assert torch.equal(result.keypoints.data, whole.keypoints.data)
    assert [len(outline) for outline in result.masks.xy] == [0] * len(result)
    assert result.plot().shape == picture.shape
    assert len(json.loads(result.to_json())) == len(result.to_supervision()) == len(result) > 0
    result.save_txt(tmp_path / "rows.txt")
    assert len((tmp_path / "rows.txt").read_text().splitlines()) == len(result)


def test_classes_have_their_own_points_and_the_others_are_zeros(weights, picture):
    network = small_network("yolo11n-multitask", nc=3, kpt_shape=(4, 3))
    schema = KeypointSchema(shape=(4, 3), classes=(0, 2), class_points=(4, 2))
    samples, settings = [Sample(image=picture)], ValSettings(imgsz=128, conf=0.001, max_det=3000, iou=1.0)
    found = []
    for points in (None, schema):
        model = YoloInference(network, points, device=torch.device("cpu"))
        batch = model.placing.place(samples, (96, 128))
        found += model.detect(model.run(batch, settings), batch, settings, "prototypes")
    whole, result = found
    assert len(result) == len(whole)
    classes = result.classes.tolist()
    assert len(set(classes)) == 3
    for label, points, free in zip(classes, result.keypoints, whole.keypoints, strict=True):
        count = schema.points_of(label)
        assert torch.equal(points[:count], free[:count])
        assert not points[count:].any()
        assert free.any()


def test_padding_is_not_drawn_even_with_the_lowest_threshold(weights, picture):
    model = YOLO(weights("yolo11n-multitask", kpt_shape=(4, 3)))
    model.loaded.schema = KeypointSchema(shape=(4, 3), classes=(1,))
    (result,) = model(picture, conf=0.05, verbose=False)
    bare = result.new()
    bare.update(boxes=result.boxes.data, masks=result.masks.data)
    options = DrawOptions(kpt_conf=0.0)
    np.testing.assert_array_equal(draw_results(result, options), draw_results(bare, options))
