"""Pictures joined to one: mosaic, MixUp, CutMix, copy-paste; every object goes with its pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augment.made_samples import GOLDEN, SCHEMA, assert_same_objects, assert_well_formed, ellipse, made_sample, samples
from posekit.augment.mixing import (
    draw_centre,
    draw_rectangle,
    draw_share,
    find_free_rectangle,
    lay_out,
    make_mosaic,
    mix_up,
    paste_mirrored,
    paste_objects,
    paste_rectangle,
)
from posekit.augment.objects import cut_objects, select_objects
from posekit.errors import ShapeError
from posekit.sample import Sample


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


@given(samples(size=(32, 40)), samples(size=(32, 40)), st.floats(0, 1))
def test_the_blend_is_the_weighted_mean_cut_to_whole_levels(first, second, share):
    mixed = mix_up(first, second, share)
    exact = first.image * share + second.image * (1 - share)
    assert np.abs(mixed.image - np.floor(exact)).max() <= 1
    assert np.mean(mixed.image != np.floor(exact + 1e-3)) < 0.02


def test_what_is_equal_in_both_stays():
    sample = made_sample(0)
    np.testing.assert_array_equal(mix_up(sample, sample, 0.43).image, sample.image)


def test_all_objects_are_there():
    first, second = made_sample(0, count=3), made_sample(1, count=2)
    mixed = mix_up(first, second, 0.5)
    assert len(mixed.boxes) == len(first.boxes) + len(second.boxes)


def test_objects_of_both_stay_where_they_are():
    first, second = made_sample(0, count=2), made_sample(1, count=1)
    mixed = mix_up(first, second, 0.5)
    np.testing.assert_array_equal(mixed.keypoints, np.concatenate((first.keypoints, second.keypoints)))
    assert mixed.polygons == first.polygons + second.polygons
    assert mixed.path == first.path


def test_shares_are_mostly_near_one_half():
    shares = [draw_share(np.random.default_rng(seed)) for seed in range(300)]
    assert abs(np.mean(shares) - 0.5) < 0.02
    assert 0.04 < np.std(shares) < 0.085


SIZE = (64, 80)


@given(st.integers(0, 2**32))
def test_rectangles_lie_in_the_picture(seed):
    x1, y1, x2, y2 = draw_rectangle(SIZE, np.random.default_rng(seed))
    assert 0 <= x1 <= x2 <= 80
    assert 0 <= y1 <= y2 <= 64


@given(samples(size=SIZE), st.integers(0, 2**32))
def test_a_free_rectangle_touches_no_box(sample, seed):
    rectangle = find_free_rectangle(sample.boxes, SIZE, np.random.default_rng(seed))
    if rectangle is not None:
        x1, y1, x2, y2 = rectangle
        apart = (sample.boxes[:, 2] <= x1) | (sample.boxes[:, 0] >= x2)
        assert (apart | (sample.boxes[:, 3] <= y1) | (sample.boxes[:, 1] >= y2)).all()


def test_free_rectangles_are_found_in_empty_pictures_and_never_in_full_ones():
    generators = [np.random.default_rng(seed) for seed in range(50)]
    assert sum(find_free_rectangle(np.zeros((0, 4), np.float32), SIZE, rng) is not None for rng in generators) > 45
    full = np.array([(0, 0, 80, 64)], np.float32)
    assert all(find_free_rectangle(full, SIZE, rng) is None for rng in generators)


@given(samples(size=SIZE), samples(size=SIZE), st.integers(0, 2**32))
def test_the_result_is_well_formed_and_keeps_the_own_objects(sample, partner, seed):
    result = paste_rectangle(sample, partner, draw_rectangle(SIZE, np.random.default_rng(seed)))
    assert_well_formed(cut_objects(result, (0, 0, 80, 64)))
    own = select_objects(result, np.arange(len(sample.boxes)))
    np.testing.assert_array_equal(own.boxes, sample.boxes)


def test_pixels_inside_are_the_partners_and_its_objects_are_cut():
    sample, partner = made_sample(0, SIZE, 0), made_sample(1, SIZE, 1)
    partner.boxes[:] = (10, 10, 50, 50)
    partner.keypoints[0] = [(20, 20, 2), (45, 20, 2), (20, 45, 1), (30, 30, 0), (40, 40, 2)]
    result = paste_rectangle(sample, partner, (0, 0, 40, 40))
    np.testing.assert_array_equal(result.image[:40, :40], partner.image[:40, :40])
    np.testing.assert_array_equal(result.image[40:], sample.image[40:])
    np.testing.assert_array_equal(result.boxes, [(10, 10, 40, 40)])
    assert result.keypoints[0, :, 2].tolist() == [2, 0, 0, 0, 2]


@pytest.mark.parametrize(("outlines", "kept"), [(False, 0), (True, 1)])
def test_an_object_needs_a_tenth_of_its_area_or_a_hundredth_with_outlines(outlines, kept):
    sample, partner = made_sample(0, SIZE, 0), made_sample(1, SIZE, 1, outlines=outlines)
    partner.boxes[:] = (0, 0, 40, 40)
    result = paste_rectangle(sample, partner, (30, 30, 60, 60))  # a sixteenth of the box
    assert len(result.boxes) == kept
    assert (result.image is sample.image) == (not kept)


def test_a_rectangle_without_objects_is_not_pasted():
    sample = made_sample(0, SIZE)
    assert_same_objects(paste_rectangle(sample, made_sample(1, SIZE, 0), (0, 0, 20, 20)), sample)


def boxed(*boxes, seed=0, outlines=True):
    """Return a noisy sample with an ellipse in each box, its classes numbered."""
    rng = np.random.default_rng(seed)
    corners = np.array(boxes, np.float32).reshape(-1, 4)
    return Sample(
        image=rng.integers(0, 256, (*SIZE, 3), np.uint8),
        boxes=corners,
        classes=np.arange(len(corners)),
        keypoints=np.full((len(corners), 5, 3), 1, np.float32),
        polygons=tuple(ellipse(box) for box in corners) if outlines else None,
    )


def test_a_mirror_image_lands_at_the_mirrored_place_with_left_still_left():
    sample = boxed((5, 10, 25, 50))
    sample.keypoints[0] = [(15, 12, 2), (22, 20, 2), (8, 20, 1), (20, 45, 2), (9, 45, 0)]
    result = paste_mirrored(sample, 1.0, SCHEMA.flip_idx)
    np.testing.assert_allclose(result.boxes, [(5, 10, 25, 50), (55, 10, 75, 50)])
    mirrored = [(65, 12, 2), (72, 20, 1), (58, 20, 2), (71, 45, 0), (60, 45, 2)]
    np.testing.assert_allclose(result.keypoints[1], mirrored)
    np.testing.assert_array_equal(result.image[30, 60:70], sample.image[30, ::-1][60:70])
    np.testing.assert_array_equal(result.image[11, 73], sample.image[11, 73])  # outside the ellipse


@given(samples(size=SIZE), st.floats(0, 1))
def test_the_result_is_well_formed_and_begins_with_the_own_objects(sample, share):
    result = paste_mirrored(sample, share, SCHEMA.flip_idx)
    assert_well_formed(cut_objects(result, (0, 0, 80, 64)))
    np.testing.assert_array_equal(result.boxes[: len(sample.boxes)], sample.boxes)


def test_objects_that_would_hide_three_tenths_of_another_are_not_pasted():
    base = boxed((0, 0, 20, 20))
    hiding, sparing = (14, 0, 34, 20), (15, 0, 35, 20)  # 30 % and 25 % of the box
    result = paste_objects(base, boxed(hiding, sparing, seed=1), 1.0)
    np.testing.assert_array_equal(result.boxes[1:], [sparing])


def test_the_share_takes_those_that_hide_least_first():
    base = boxed((0, 0, 20, 20))
    source = boxed((16, 0, 36, 20), (40, 0, 60, 20), (18, 30, 38, 50), (19, 0, 39, 20), seed=1)
    assert paste_objects(base, source, 0.5).classes.tolist() == [0, 1, 2]
    assert paste_objects(base, source, 0.0) is base


def test_objects_without_outlines_are_not_pasted():
    base = boxed((0, 0, 20, 20))
    assert_same_objects(paste_objects(base, boxed((40, 0, 60, 20), outlines=False), 1.0), base)
    partly = boxed((40, 0, 60, 20), (40, 30, 60, 50))
    partly.polygons = (np.zeros((0, 2), np.float32), partly.polygons[1])
    np.testing.assert_array_equal(paste_objects(base, partly, 1.0).boxes[1:], [(40, 30, 60, 50)])


def test_the_source_picture_and_the_own_picture_are_not_written_to():
    base, source = boxed((0, 0, 20, 20)), boxed((40, 0, 60, 20), seed=1)
    before = base.image.copy(), source.image.copy()
    paste_objects(base, source, 1.0)
    np.testing.assert_array_equal((base.image, source.image), before)


def test_pictures_of_different_sizes_are_refused():
    with pytest.raises(ShapeError, match="MixUp blends pictures of one size"):
        mix_up(made_sample(0, (32, 32)), made_sample(1, (32, 40)), 0.5)
    with pytest.raises(ShapeError, match="CutMix joins pictures of one size"):
        paste_rectangle(made_sample(0, (32, 32)), made_sample(1, (32, 40)), (0, 0, 5, 5))
    with pytest.raises(ShapeError, match="CopyPaste joins pictures of one size"):
        paste_objects(made_sample(0, (32, 32)), made_sample(1, (32, 40)), 1.0)
