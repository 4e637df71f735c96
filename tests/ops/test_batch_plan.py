"""Batches of a data set: each picture once, inputs no larger than needed, as recorded."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from posekit.ops.letterbox import plan_rect_batches, plan_square_batches

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "train" / "data_val.npz")
SIZES = st.lists(st.tuples(st.integers(10, 2000), st.integers(10, 2000)), max_size=40)


def test_recorded_pictures_are_ordered_and_shaped_as_recorded():
    sizes = [GOLDEN[f"val/in{index}_bgr"].shape[:2] for index in range(5)]
    plans = plan_rect_batches(sizes, imgsz=96, batch=2, stride=32)
    assert [index for plan in plans for index in plan.pictures] == GOLDEN["val/order"].tolist()
    assert [list(plan.shape) for plan in plans] == GOLDEN["val/batch_shapes_hw"].tolist()


@given(SIZES, st.integers(1, 9), st.sampled_from((32, 64)))
def test_rect_batches_hold_every_picture_once_and_room_for_each(sizes, batch, stride):
    plans = plan_rect_batches(sizes, imgsz=320, batch=batch, stride=stride)
    assert sorted(index for plan in plans for index in plan.pictures) == list(range(len(sizes)))
    for plan in plans:
        assert 1 <= len(plan.pictures) <= batch
        assert all(side % stride == 0 for side in plan.shape)
        for index in plan.pictures:
            gain = 320 / max(sizes[index])
            assert all(side * gain <= room for side, room in zip(sizes[index], plan.shape, strict=True))


@given(SIZES, st.integers(1, 9))
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
