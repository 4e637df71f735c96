"""Four pictures meet where recorded; every object goes with its picture."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augment.made_samples import GOLDEN, assert_well_formed, made_sample, samples
from posekit.augment.mixing import draw_centre, lay_out, make_mosaic


@pytest.mark.parametrize("case", [0, 1])
def test_recorded_sizes_are_laid_out_as_recorded(case):
    sizes = [tuple(size) for size in GOLDEN[f"mosaic/sizes_hw_{case}"].tolist()]
    centre = tuple(GOLDEN[f"mosaic/centre_yx_{case}"].tolist())
    tiles = lay_out(sizes, centre, int(GOLDEN["mosaic/imgsz"]))
    found = [(*tile.canvas, *tile.picture, *tile.shift) for tile in tiles]
    np.testing.assert_array_equal(found, GOLDEN["mosaic/layout_x1a_y1a_x2a_y2a_x1b_y1b_x2b_y2b_padw_padh"][case])


@given(st.lists(samples(), min_size=4, max_size=4), st.integers(0, 2**32))
def test_a_mosaic_is_well_formed(four, seed):
    mosaic = make_mosaic(four, draw_centre(96, np.random.default_rng(seed)), 96)
    assert mosaic.size == (192, 192)
    assert_well_formed(mosaic)
    assert (mosaic.boxes[:, 2:] > mosaic.boxes[:, :2]).all()


def test_each_picture_and_its_keypoints_lie_at_the_same_place():
    four = [made_sample(seed, (64, 64), 2) for seed in range(4)]
    mosaic = make_mosaic(four, (64, 64), 64)
    for i, (sample, (top, left)) in enumerate(zip(four, [(0, 0), (0, 64), (64, 0), (64, 64)], strict=True)):
        np.testing.assert_array_equal(mosaic.image[top : top + 64, left : left + 64], sample.image)
        moved = sample.keypoints + np.array((left, top, 0))
        np.testing.assert_allclose(mosaic.keypoints[2 * i : 2 * i + 2], moved, atol=1e-4)


def test_keypoints_and_objects_off_the_canvas_are_lost():
    four = [made_sample(seed, (64, 64), 2) for seed in range(4)]
    four[0].boxes[:] = (0, 0, 20, 20), (30, 30, 60, 60)
    four[0].keypoints[:] = (40, 10, 2)
    mosaic = make_mosaic(four, (32, 32), 64)  # of the first picture the lower right quarter is seen
    np.testing.assert_array_equal(mosaic.boxes[0], (0, 0, 28, 28))
    assert (mosaic.keypoints[0, :, 2] == 0).all()
    np.testing.assert_array_equal(mosaic.keypoints[0, 0, :2], (8, 0))


def test_it_is_named_after_the_first_picture():
    four = [made_sample(seed) for seed in range(4)]
    mosaic = make_mosaic(four, (80, 80), 80)
    assert (mosaic.path, mosaic.original_size) == ("0.png", (128, 160))


def test_the_centre_stays_in_the_middle_half():
    centres = [draw_centre(100, np.random.default_rng(seed)) for seed in range(200)]
    assert min(map(min, centres)) >= 50
    assert max(map(max, centres)) < 150
