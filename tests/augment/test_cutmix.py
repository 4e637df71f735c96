"""A rectangle is pasted where it hides no object, with the objects in it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augment.made_samples import assert_same_objects, assert_well_formed, made_sample, samples
from posekit.augment.mixing import draw_rectangle, find_free_rectangle, paste_rectangle
from posekit.augment.objects import cut_objects, select_objects
from posekit.errors import ShapeError

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


def test_pictures_of_different_sizes_are_refused():
    with pytest.raises(ShapeError, match="CutMix joins pictures of one size"):
        paste_rectangle(made_sample(0, (32, 32)), made_sample(1, (32, 40)), (0, 0, 5, 5))
