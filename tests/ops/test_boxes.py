"""Boxes and points on their way back to the original picture, and suppression of overlapping boxes."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from golden.networks import FOLDER
from posekit.ops.boxes import boxes_to_original, clip_boxes, points_to_original, xywh_to_xyxy, xyxy_to_xywh
from posekit.ops.letterbox import Letterbox
from posekit.ops.nms import Suppression, filter_ranked, greedy_nms, select_candidates, suppress

CASES = json.loads((FOLDER / "rescale.json").read_text())
PIXELS = st.floats(-1000, 1000, width=32)
BOXES = st.lists(st.tuples(PIXELS, PIXELS, st.floats(0, 500, width=32), st.floats(0, 500, width=32)), min_size=1)


def given_letterbox(case):
    (gain_y, gain_x), (pad_x, pad_y) = case["given_ratio_pad"]
    original = tuple(case["original_hw"])
    return Letterbox(network=tuple(case["network_hw"]), original=original, gain=(gain_y, gain_x), pad=(pad_y, pad_x))


@pytest.mark.parametrize("number", range(len(CASES)))
def test_recorded_ways_back(number):
    case = CASES[number]
    measured = Letterbox.between(tuple(case["network_hw"]), tuple(case["original_hw"]))
    with np.load(FOLDER / "rescale.npz") as file:
        boxes, points = (torch.from_numpy(file[f"{kind}_{number}"]) for kind in ("boxes", "points"))
        for letterbox, suffix in ((measured, "out"), (given_letterbox(case), "given_out")):
            moved = boxes_to_original(boxes, letterbox)
            np.testing.assert_allclose(moved, file[f"boxes_{number}_{suffix}"], atol=1e-3)
            moved = points_to_original(points, letterbox)
            np.testing.assert_allclose(moved, file[f"points_{number}_{suffix}"], atol=1e-3)


@given(BOXES)
def test_corners_and_centres_are_two_forms_of_the_same_box(rows):
    boxes = torch.tensor(rows, dtype=torch.float64)
    torch.testing.assert_close(xyxy_to_xywh(xywh_to_xyxy(boxes)), boxes)


@given(BOXES, st.integers(1, 2000), st.integers(1, 2000))
def test_boxes_end_up_inside_the_picture(rows, h, w):
    corners = xywh_to_xyxy(torch.tensor(rows))
    for boxes in (clip_boxes(corners, (h, w)), boxes_to_original(corners, Letterbox.between((640, 640), (h, w)))):
        assert boxes.min() >= 0
        assert boxes[:, [0, 2]].max() <= w
        assert boxes[:, [1, 3]].max() <= h


@given(st.integers(1, 2000), st.integers(1, 2000), st.floats(0, 1), st.floats(0, 1))
def test_a_point_letterboxed_and_brought_back_is_itself(h, w, fx, fy):
    letterbox = Letterbox.between((640, 640), (h, w))
    point = torch.tensor([[fx * w, fy * h]], dtype=torch.float64)
    gain, pad = torch.tensor(letterbox.gain[::-1]), torch.tensor(letterbox.pad[::-1])
    torch.testing.assert_close(points_to_original(point * gain + pad, letterbox), point, atol=1e-3, rtol=1e-5)


def test_visibility_is_not_touched():
    points = torch.tensor([[[5.0, 6.0, 0.25]]])
    assert points_to_original(points, Letterbox.between((64, 64), (32, 32)))[0, 0, 2] == 0.25


NMS_CASES = json.loads((FOLDER / "nms.json").read_text())
CROWDED = [number for number, case in enumerate(NMS_CASES) if not case["option"].get("end2end")]
CORNER = st.floats(0, 50, width=32)
CROWDS = st.lists(st.tuples(CORNER, CORNER, st.floats(1, 40, width=32), st.floats(1, 40, width=32)), max_size=40)


def rule_of(option):
    return Suppression(
        conf=option["conf_thres"],
        iou=option["iou_thres"],
        max_det=option.get("max_det", 300),
        classes=tuple(option["classes"]) if "classes" in option else None,
        agnostic=option.get("agnostic", False),
        multi_label=option.get("multi_label", False),
        max_candidates=option.get("max_nms", 30_000),
        class_offset=option.get("max_wh", 7680),
    )


@pytest.mark.parametrize("number", CROWDED)
def test_recorded_suppression(number):
    case = NMS_CASES[number]
    rule = rule_of(case["option"])
    with np.load(FOLDER / "nms.npz") as file:
        predictions = torch.from_numpy(file[f"input_{case['input']}"])
        nc = case["option"].get("nc") or predictions.shape[1] - 4
        for picture, prediction in enumerate(predictions):
            candidates = select_candidates(prediction[4 : 4 + nc], rule)
            boxes = xywh_to_xyxy(prediction[:4].T)[candidates.anchors]
            rows = suppress(boxes, candidates, rule)
            best = candidates.take(rows)
            assert len(best) == case["counts"][picture]
            np.testing.assert_array_equal(best.anchors, file[f"case_{number}_{picture}_anchor"])
            extra = prediction[4 + nc :].T[best.anchors]
            found = torch.cat((boxes[rows], best.scores[:, None], best.classes[:, None].float(), extra), 1)
            np.testing.assert_array_equal(found, file[f"case_{number}_{picture}"])


@pytest.mark.parametrize("number", sorted(set(range(len(NMS_CASES))) - set(CROWDED)))
def test_recorded_case_of_a_ranked_prediction(number):
    case = NMS_CASES[number]
    with np.load(FOLDER / "nms.npz") as file:
        for picture, rows in enumerate(torch.from_numpy(file[f"input_{case['input']}"])):
            kept = filter_ranked(rows[:, 4], rows[:, 5], rule_of({"iou_thres": 0.7} | case["option"]))
            assert len(kept) == case["counts"][picture]
            np.testing.assert_array_equal(rows[kept], file[f"case_{number}_{picture}"])


def corners(rows):
    boxes = np.array(rows, np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return boxes


def iou(a, b):
    width = np.minimum(a[2], b[2]) - np.maximum(a[0], b[0])
    height = np.minimum(a[3], b[3]) - np.maximum(a[1], b[1])
    overlap = max(width, 0) * max(height, 0)
    return overlap / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - overlap)


@given(CROWDS, st.floats(0.1, 0.9))
def test_survivors_do_not_overlap_and_every_dropped_box_overlaps_a_better_survivor(rows, threshold):
    boxes = corners(rows)
    kept = greedy_nms(boxes, threshold, len(boxes))
    assert list(kept) == sorted(kept)
    slack = 1e-5
    for i in kept:
        assert all(iou(boxes[i], boxes[j]) <= threshold + slack for j in kept if j < i)
    for i in set(range(len(boxes))) - set(kept.tolist()):
        assert any(iou(boxes[i], boxes[j]) > threshold - slack for j in kept if j < i)


@given(CROWDS, st.integers(0, 5))
def test_a_limit_keeps_the_first_survivors(rows, limit):
    boxes = corners(rows)
    np.testing.assert_array_equal(greedy_nms(boxes, 0.5, limit), greedy_nms(boxes, 0.5, 1000)[:limit])


def test_an_overlap_equal_to_the_threshold_survives():
    boxes = np.array([[0, 0, 2, 2], [0, 0, 2, 1]], np.float32)  # IoU one half
    assert list(greedy_nms(boxes, 0.5, 10)) == [0, 1]
    assert list(greedy_nms(boxes, 0.49, 10)) == [0]


def test_classes_do_not_suppress_each_other_unless_agnostic():
    scores = torch.tensor([[0.9, 0.1], [0.1, 0.8]])
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 10]])
    for agnostic, count in ((False, 2), (True, 1)):
        rule = Suppression(conf=0.5, agnostic=agnostic)
        candidates = select_candidates(scores, rule)
        assert len(suppress(boxes[candidates.anchors], candidates, rule)) == count


def test_no_candidates_give_no_rows():
    rule = Suppression(conf=0.99)
    candidates = select_candidates(torch.zeros(3, 8), rule)
    assert len(suppress(torch.zeros(0, 4), candidates, rule)) == 0
