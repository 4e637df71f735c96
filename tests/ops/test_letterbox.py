"""Letterbox: recorded geometry and pixels, and laws of the way back."""

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.fill import image
from golden.networks import FOLDER
from posekit.ops.letterbox import Letterbox, apply_letterbox, plan_letterbox

CASES = json.loads((FOLDER / "letterbox.json").read_text())
SIDES = st.integers(1, 3000)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_recorded_case(number):
    case = CASES[number]
    option = dict(case["option"])
    target = option.pop("new_shape")
    height, width = case["shape"][:2]
    plan = plan_letterbox((height, width), (target, target) if isinstance(target, int) else tuple(target), **option)
    boxed = apply_letterbox(image(height, width, case["seed"]), plan)
    top, bottom, left, right = plan.padding
    assert list(boxed.shape) == case["out_shape"]
    assert boxed.shape[:2] == plan.shape
    assert [left, top, right, bottom] == case["pad_ltrb"]
    assert list(plan.resized[::-1]) == case["unpad_wh"]
    assert list(plan.ratio[::-1]) == pytest.approx(case["ratio_wh"])
    # Other builds of OpenCV may round a pixel differently; then the stored picture decides.
    if hashlib.sha256(boxed.tobytes()).hexdigest() != case["sha256"]:
        assert boxed.mean() == pytest.approx(case["mean"], abs=0.5)
        with np.load(FOLDER / "letterbox.npz") as file:
            if f"case_{number}" in file:
                assert np.abs(boxed.astype(int) - file[f"case_{number}"]).max() <= 1


def test_the_stored_pictures_are_reproduced():
    with np.load(FOLDER / "letterbox.npz") as file:
        assert file.files
        for key in file.files:
            case = CASES[int(key.removeprefix("case_"))]
            option = dict(case["option"])
            target = option.pop("new_shape")
            shape = tuple(case["shape"][:2])
            plan = plan_letterbox(shape, (target, target) if isinstance(target, int) else tuple(target), **option)
            assert np.abs(apply_letterbox(image(*shape, case["seed"]), plan).astype(int) - file[key]).max() <= 1


@given(SIDES, SIDES, st.sampled_from([32, 64, 320, 640]), st.booleans())
def test_a_letterboxed_picture_fills_its_target_and_a_stride_multiple_with_auto(h, w, side, auto):
    plan = plan_letterbox((h, w), (side, side), auto=auto)
    height, width = plan.shape
    assert height <= side
    assert width <= side
    if not auto:
        assert (height, width) == (side, side)
    elif min(plan.resized) > 1:
        assert height % 32 == width % 32 == 0
    assert max(plan.resized) == side


@given(SIDES, SIDES, st.integers(1, 20).map(lambda n: 32 * n))
def test_the_way_back_knows_where_the_picture_was_placed(h, w, side):
    plan = plan_letterbox((h, w), (side, side))
    back = Letterbox.between(plan.shape, (h, w))
    assert back.pad == (plan.padding[0], plan.padding[2])
    assert (round(back.gain[0] * h), round(back.gain[1] * w)) == plan.resized
