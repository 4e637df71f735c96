"""Results in the containers of supervision, by its own constructors and by ours, and back."""

import numpy as np
import pytest
import supervision as sv
import torch

from posekit.results.results import Results

FORMS = ["detect", "pose", "pose_xy_only", "segment", "track", "multitask", "empty"]
NAMES = {0: "cat", 1: "dog", 2: "bird", 3: "unused"}


@pytest.mark.parametrize("kind", ["torch", "numpy"])
@pytest.mark.parametrize("form", FORMS)
def test_its_own_detections_constructor_reads_every_form(build, form, kind):
    result = build(form, kind)
    detections = sv.Detections.from_ultralytics(result)
    assert len(detections) == len(result)
    np.testing.assert_array_equal(detections.xyxy, np.asarray(result.boxes.xyxy))
    np.testing.assert_array_equal(detections.class_id, np.asarray(result.boxes.cls))
    assert detections.data["class_name"].tolist() == [NAMES[int(number)] for number in result.boxes.cls]
    assert (detections.tracker_id is not None) == (form == "track")
    assert (detections.mask is not None) == (form in ("segment", "multitask"))


@pytest.mark.parametrize("kind", ["torch", "numpy"])
@pytest.mark.parametrize("form", ["pose", "pose_xy_only", "track", "multitask", "empty"])
def test_its_own_keypoints_constructor_reads_every_form(build, form, kind):
    result = build(form, kind)
    keypoints = sv.KeyPoints.from_ultralytics(result)
    if form == "empty":
        assert keypoints.is_empty()
        return
    np.testing.assert_array_equal(keypoints.xy, np.asarray(result.keypoints.xy))
    assert (keypoints.keypoint_confidence is None) == (form == "pose_xy_only")
    np.testing.assert_array_equal(keypoints.detection_confidence, np.asarray(result.boxes.conf))


def test_letterboxed_masks_arrive_at_the_size_of_the_picture(arrays):
    boxes = torch.tensor([[31, 22, 153, 82, 0.9, 0]])
    masks = torch.from_numpy(arrays["small_mask"])
    detections = Results(arrays["image"], "a.jpg", NAMES, boxes=boxes, masks=masks).to_supervision()
    assert detections.mask.shape == (1, 120, 200)
    assert detections.mask[0, 50, 100]
    assert not detections.mask[0, 10, 100]


@pytest.mark.parametrize("form", ["pose", "track", "multitask"])
def test_detections_carry_keypoints_that_filtering_keeps(build, form):
    result = build(form)
    detections = result.to_supervision(conf=0.5)
    points, confidence = detections.data["keypoints"], detections.data["keypoints_confidence"]
    assert points.shape == (3, 17, 3)
    np.testing.assert_array_equal(points[..., :2], result.keypoints.xy)
    np.testing.assert_array_equal(confidence, result.keypoints.conf)
    np.testing.assert_array_equal(points[..., 2], np.where(confidence >= 0.5, 2, 0))
    birds = detections[detections.class_id == 2]
    np.testing.assert_array_equal(birds.data["keypoints"], points[1:2])


def test_two_value_keypoints_travel_without_confidence(build):
    detections = build("pose_xy_only").to_supervision()
    assert detections.data["keypoints"].shape == (3, 5, 3)
    assert (detections.data["keypoints"][..., 2] == 2).all()
    assert "keypoints_confidence" not in detections.data


@pytest.mark.parametrize("form", ["detect", "segment"])
def test_results_without_keypoints_give_plain_detections(build, form):
    assert list(build(form).to_supervision().data) == ["class_name"]
    assert build(form).to_supervision_keypoints().is_empty()


def test_empty_results_give_empty_containers(build):
    assert len(build("empty").to_supervision()) == 0
    assert build("empty").to_supervision_keypoints().is_empty()


def test_keypoints_are_visible_from_the_threshold_on(build):
    result = build("pose")
    for conf in (0.25, 0.7):
        keypoints = result.to_supervision_keypoints(conf=conf)
        np.testing.assert_array_equal(keypoints.visible, np.asarray(result.keypoints.conf) >= conf)
    assert build("pose_xy_only").to_supervision_keypoints().visible.all()


@pytest.mark.parametrize("form", ["detect", "pose", "segment", "track", "multitask", "empty"])
def test_detections_return_as_the_same_results(build, form):
    result = build(form)
    back = Results.from_supervision(result.to_supervision(), result.orig_img, NAMES, path="street.jpg")
    assert back.summary() == result.summary()
    assert len(back) == len(result)


def test_unconfirmed_tracks_return_without_ids(build):
    detections = build("track").to_supervision()
    detections.tracker_id = np.array([1, -1, 2])
    assert not Results.from_supervision(detections, build("track").orig_img, NAMES).boxes.is_track


def test_keypoints_return_with_boxes_around_their_visible_points():
    xy = np.array([[[10, 20], [30, 60], [0, 0]], [[0, 0], [0, 0], [0, 0]]], np.float32)
    keypoints = sv.KeyPoints(xy=xy, class_id=np.array([2, 0]), keypoint_confidence=np.full((2, 3), 0.5, np.float32))
    result = Results.from_supervision(keypoints, np.zeros((80, 80, 3), np.uint8), NAMES)
    assert result.boxes.data.tolist() == [[10, 20, 30, 60, 0.5, 2], [0, 0, 0, 0, 0.5, 0]]
    np.testing.assert_array_equal(result.keypoints.xy, xy)
    assert result.keypoints.conf.shape == (2, 3)


def test_bare_keypoints_return_with_full_confidence_and_class_zero():
    keypoints = sv.KeyPoints(xy=np.array([[[1, 2], [3, 4]]], np.float32))
    result = Results.from_supervision(keypoints, np.zeros((8, 8, 3), np.uint8), NAMES)
    assert result.boxes.data.tolist() == [[1, 2, 3, 4, 1, 0]]
    assert not result.keypoints.has_visible
