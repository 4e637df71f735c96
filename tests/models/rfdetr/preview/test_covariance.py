"""Covariances of keypoints."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from posekit.models.rfdetr.decode import covariance, log_trace

LOG = st.floats(-3, 3)


@given(log_l11=LOG, l21=st.floats(-5, 5), log_l22=LOG)
def test_it_is_the_inverse_of_the_precision(log_l11, l21, log_l22):
    factor = torch.tensor([log_l11, l21, log_l22], dtype=torch.float64)
    lower = torch.tensor([[factor[0].exp(), 0], [factor[1], factor[2].exp()]], dtype=torch.float64)
    spread = covariance(factor, (1, 1))
    torch.testing.assert_close(spread @ lower @ lower.T, torch.eye(2, dtype=torch.float64), rtol=0, atol=1e-6)
    torch.testing.assert_close(log_trace(factor).exp(), spread.trace(), rtol=1e-6, atol=1e-9)


def test_pixels_scale_each_axis():
    factor = torch.tensor([0.3, -0.5, 0.1])
    whole, pixels = covariance(factor, (1, 1)), covariance(factor, (10, 20))
    torch.testing.assert_close(pixels, whole * torch.tensor([[400.0, 200.0], [200.0, 100.0]]))


def test_places_without_a_keypoint_have_none():
    assert covariance(torch.full((3,), torch.nan), (5, 5)).isnan().all()
