"""Matrices are the recorded ones; draws stay in range and never mirror."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augment.made_samples import GOLDEN
from posekit.augment.warps import AffineParameters, affine_matrix, draw_affine
from posekit.config.settings import AugmentationSettings


@pytest.mark.parametrize("case", ["affine", "rotshear", "persp"])
def test_recorded_parameters_give_the_recorded_matrix(case):
    angle, zoom, *rest = GOLDEN[f"{case}/params_angle_scale_shx_shy_tx_ty_px_py"].tolist()
    shear, shift, perspective = zip(*[iter(rest)] * 2, strict=True)
    parameters = AffineParameters(angle=angle, zoom=zoom, shear=shear, shift=shift, perspective=perspective)
    matrix = affine_matrix(parameters, (320, 320), (160, 160))
    np.testing.assert_allclose(matrix, GOLDEN[f"{case}/M"], rtol=0, atol=2e-3)


def test_the_default_puts_the_centre_into_the_centre():
    matrix = affine_matrix(AffineParameters(), (30, 50), (100, 80))
    np.testing.assert_allclose(matrix @ (25, 15, 1), (40, 50, 1))


def test_a_positive_angle_turns_counter_clockwise_as_seen():
    matrix = affine_matrix(AffineParameters(angle=90), (100, 100), (100, 100))
    np.testing.assert_allclose(matrix @ (100, 50, 1), (50, 0, 1), atol=1e-9)  # from the right to the top


@given(st.integers(0, 2**32), st.floats(0, 90), st.floats(0, 1), st.floats(0, 0.99))
def test_draws_stay_in_their_ranges(seed, degrees, translate, scale):
    settings = AugmentationSettings(degrees=degrees, translate=translate, scale=scale, shear=10.0, perspective=0.001)
    drawn = draw_affine(settings, np.random.default_rng(seed))
    assert abs(drawn.angle) <= degrees
    assert 1 - scale <= drawn.zoom <= 1 + scale
    assert max(map(abs, drawn.shear)) <= 10
    assert max(abs(value - 0.5) for value in drawn.shift) <= translate + 1e-12
    assert max(map(abs, drawn.perspective)) <= 0.001


def test_a_pair_of_scales_is_the_range_itself():
    settings = AugmentationSettings(scale=(0.2, 0.3))
    zooms = [draw_affine(settings, np.random.default_rng(seed)).zoom for seed in range(50)]
    assert 0.2 <= min(zooms) < max(zooms) <= 0.3


@given(st.integers(0, 2**32))
def test_even_the_widest_shear_never_mirrors(seed):
    settings = AugmentationSettings(shear=180.0, degrees=180.0)
    drawn = draw_affine(settings, np.random.default_rng(seed))
    assert np.linalg.det(affine_matrix(drawn, (64, 64), (64, 64))) > 0
