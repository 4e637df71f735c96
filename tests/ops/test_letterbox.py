"""Letterboxes: recorded geometry and pixels, laws of the way back, and batches planned for them."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augment.made_samples import GOLDEN as RECORDED
from golden.fill import image
from golden.networks import FOLDER
from posekit.ops.letterbox import Letterbox, apply_letterbox, plan_letterbox, plan_rect_batches, plan_square_batches

CASES = {
    number: case
    for number, case in enumerate(json.loads((FOLDER / "letterbox.json").read_text()))
    if not {"center", "scale_fill"} & case["option"].keys()  # ways of placing that nothing uses
}
SIDES = st.integers(1, 3000)


@pytest.mark.parametrize("number", CASES)
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
        stored = {number: file[f"case_{number}"] for number in CASES if f"case_{number}" in file}
        assert stored
        for number, picture in stored.items():
            case = CASES[number]
            option = dict(case["option"])
            target = option.pop("new_shape")
            shape = tuple(case["shape"][:2])
            plan = plan_letterbox(shape, (target, target) if isinstance(target, int) else tuple(target), **option)
            assert np.abs(apply_letterbox(image(*shape, case["seed"]), plan).astype(int) - picture).max() <= 1


@pytest.mark.parametrize("row", RECORDED["letterbox/h_w_nh_nw_scaleup_ratio_uw_uh_top_bottom_left_right"].tolist())
def test_recorded_letterboxes(row):
    height, width, target_h, target_w, scaleup, ratio, unpadded_w, unpadded_h, *padding = row
    plan = plan_letterbox((int(height), int(width)), (int(target_h), int(target_w)), scaleup=bool(scaleup))
    assert plan.ratio[0] == pytest.approx(ratio, rel=1e-6)
    assert plan.resized == (unpadded_h, unpadded_w)
    assert plan.padding == tuple(padding)


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


VALIDATION = np.load(Path(__file__).parents[1] / "golden" / "train" / "data_val.npz")
PICTURE_SIZES = st.lists(st.tuples(st.integers(10, 2000), st.integers(10, 2000)), max_size=40)


def test_recorded_pictures_are_ordered_and_shaped_as_recorded():
    sizes = [VALIDATION[f"val/in{index}_bgr"].shape[:2] for index in range(5)]
    plans = plan_rect_batches(sizes, imgsz=96, batch=2, stride=32)
    assert [index for plan in plans for index in plan.pictures] == VALIDATION["val/order"].tolist()
    assert [list(plan.shape) for plan in plans] == VALIDATION["val/batch_shapes_hw"].tolist()


@given(PICTURE_SIZES, st.integers(1, 9), st.sampled_from((32, 64)))
def test_rect_batches_hold_every_picture_once_and_room_for_each(sizes, batch, stride):
    plans = plan_rect_batches(sizes, imgsz=320, batch=batch, stride=stride)
    assert sorted(index for plan in plans for index in plan.pictures) == list(range(len(sizes)))
    for plan in plans:
        assert 1 <= len(plan.pictures) <= batch
        assert all(side % stride == 0 for side in plan.shape)
        for index in plan.pictures:
            gain = 320 / max(sizes[index])
            assert all(side * gain <= room for side, room in zip(sizes[index], plan.shape, strict=True))


@given(PICTURE_SIZES, st.integers(1, 9))
def test_rect_batches_come_in_rising_aspect_ratio(sizes, batch):
    plans = plan_rect_batches(sizes, imgsz=320, batch=batch, stride=32)
    ratios = [sizes[index][0] / sizes[index][1] for plan in plans for index in plan.pictures]
    assert ratios == sorted(ratios)


def test_a_batch_of_squares_gets_one_stride_more_than_its_side():
    (plan,) = plan_rect_batches([(100, 100)], imgsz=640, batch=1, stride=32)
    assert plan.shape == (672, 672)


@given(st.integers(0, 50), st.integers(1, 9))
def test_square_batches_keep_the_order_of_the_data_set(count, batch):
    plans = plan_square_batches(count, imgsz=64, batch=batch)
    assert [index for plan in plans for index in plan.pictures] == list(range(count))
    assert all(plan.shape == (64, 64) for plan in plans)
    assert all(len(plan.pictures) == batch for plan in plans[:-1])
