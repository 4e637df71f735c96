"""Colours change as recorded; nothing moves."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from augment.made_samples import GOLDEN, assert_same_objects, made_sample, samples
from posekit.augment.colour import change_colours, draw_colour_gains, shift_colours
from posekit.config.settings import AugmentationSettings

GAIN = st.floats(-1, 1)


def test_recorded_gains_give_the_recorded_colours():
    gains = GOLDEN["hsv/uniform_draws"] * GOLDEN["hsv/gains"]
    changed = shift_colours(GOLDEN["hsv/in_bgr"], tuple(gains.tolist()))
    difference = np.abs(changed.astype(int) - GOLDEN["hsv/out_bgr"])
    assert difference.max() <= 2
    assert np.mean(difference > 1) <= 0.02


@given(samples(), GAIN, GAIN, GAIN)
def test_colour_changes_move_nothing_and_write_to_nothing(sample, hue, saturation, value):
    before = sample.image.copy()
    changed = change_colours(sample, (hue, saturation, value))
    assert_same_objects(changed, sample)
    assert changed.size == sample.size
    np.testing.assert_array_equal(sample.image, before)


def test_no_gain_changes_nothing():
    sample = made_sample(0)
    assert change_colours(sample, (0.0, 0.0, 0.0)) is sample


def test_grey_stays_grey_and_no_value_is_black():
    grey = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, 2)
    changed = shift_colours(grey, (0.3, 1.0, 0.0))
    np.testing.assert_array_equal(changed, grey)
    assert not shift_colours(grey, (0.0, 0.0, -1.0)).any()


def test_gains_stay_within_the_settings():
    settings = AugmentationSettings(hsv_h=0.1, hsv_s=0.2, hsv_v=0.3)
    gains = np.array([draw_colour_gains(settings, np.random.default_rng(seed)) for seed in range(200)])
    assert (np.abs(gains).max(0) <= (0.1, 0.2, 0.3)).all()
    assert (np.abs(gains).max(0) > (0.08, 0.16, 0.24)).all()
