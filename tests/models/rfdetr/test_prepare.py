"""Pictures are stretched as the networks were trained."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import interpolate

from golden.fill import image
from golden.rfdetr_files import arrays
from posekit.models.rfdetr.backbone import Normalisation
from posekit.ops.boxes import points_to_original
from posekit.placing import stretch, stretched_input, stretching

TOLERANCE = 1e-5


@pytest.mark.parametrize("case", ["up", "down", "mixed"])
def test_recorded_inputs(case):
    stored = arrays("preprocess")
    height, width, side = stored[f"{case}/shape"].tolist()
    bgr = np.ascontiguousarray(image(height, width, 3)[..., ::-1])
    made = Normalisation()(stretched_input([bgr], (side, side)))[0]
    np.testing.assert_allclose(made[:, ::16, ::16], stored[f"{case}/sampled"], atol=TOLERANCE)
    np.testing.assert_allclose(made[:, 100], stored[f"{case}/row100"], atol=TOLERANCE)
    np.testing.assert_allclose(made.mean((1, 2)), stored[f"{case}/mean"], atol=TOLERANCE)
    np.testing.assert_allclose(made.std((1, 2)), stored[f"{case}/std"], atol=TOLERANCE)


@settings(max_examples=40)
@given(height=st.integers(1, 90), width=st.integers(1, 90), size=st.tuples(st.integers(1, 80), st.integers(1, 80)))
def test_it_is_the_bilinear_interpolation_of_pytorch(height, width, size):
    picture = np.random.default_rng(height * 100 + width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    planes = torch.from_numpy(picture[..., ::-1].copy()).permute(2, 0, 1)[None].float() / 255
    expected = interpolate(planes, size=size, mode="bilinear")[0].permute(1, 2, 0)
    np.testing.assert_allclose(stretch(picture, size), expected, atol=1e-5)


def test_a_picture_of_the_right_size_stays_as_it_is():
    picture = image(64, 96, 0)
    np.testing.assert_allclose(stretch(picture, (64, 96)) * 255, picture[..., ::-1], atol=1e-4)


def test_views_that_run_backwards_are_read_alike():
    rgb = image(40, 50, 0)
    np.testing.assert_array_equal(stretch(rgb[:, :, ::-1], (32, 32)), stretch(rgb[:, :, ::-1].copy(), (32, 32)))


def test_the_way_back_knows_both_factors():
    there = stretching((64, 64), (480, 640))
    corner = points_to_original(torch.tensor([[64.0, 64.0]]), there)
    torch.testing.assert_close(corner, torch.tensor([[640.0, 480.0]]))
