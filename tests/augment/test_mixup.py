"""Blends weigh the pictures by the share and keep all objects."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augment.made_samples import made_sample, samples
from posekit.augment.mixing import draw_share, mix_up
from posekit.errors import ShapeError


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


def test_pictures_of_different_sizes_are_refused():
    with pytest.raises(ShapeError, match="MixUp blends pictures of one size"):
        mix_up(made_sample(0, (32, 32)), made_sample(1, (32, 40)), 0.5)


def test_shares_are_mostly_near_one_half():
    shares = [draw_share(np.random.default_rng(seed)) for seed in range(300)]
    assert abs(np.mean(shares) - 0.5) < 0.02
    assert 0.04 < np.std(shares) < 0.085
