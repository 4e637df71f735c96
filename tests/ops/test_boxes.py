"""Boxes and points: recorded ways back to the original picture, and laws."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from golden.networks import FOLDER
from posekit.ops.boxes import boxes_to_original, clip_boxes, points_to_original, xywh_to_xyxy, xyxy_to_xywh
from posekit.ops.letterbox import Letterbox

CASES = json.loads((FOLDER / "rescale.json").read_text())
PIXELS = st.floats(-1000, 1000, width=32)
BOXES = st.lists(st.tuples(PIXELS, PIXELS, st.floats(0, 500, width=32), st.floats(0, 500, width=32)), min_size=1)


def given_letterbox(case):
    (gain_y, gain_x), (pad_x, pad_y) = case["given_ratio_pad"]
    original = tuple(case["original_hw"])
    return Letterbox(network=tuple(case["network_hw"]), original=original, gain=(gain_y, gain_x), pad=(pad_y, pad_x))


@pytest.mark.parametrize("number", range(len(CASES)))
def test_recorded_case(number):
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
