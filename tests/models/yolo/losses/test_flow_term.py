import math

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from golden.train_files import arrays
from models.yolo.losses.recorded import recorded_flow
from posekit.models.yolo.losses.terms import keypoint_weights, residual_likelihood

PARTS = arrays("parts")


def test_values_and_gradients_are_as_recorded():
    flow = recorded_flow("flow_param/", PARTS)
    error, sigma = (torch.tensor(PARTS[key], requires_grad=True) for key in ("flow_x", "rle_sigma"))
    loss = residual_likelihood(flow, error, sigma, torch.from_numpy(PARTS["rle_weight"]))
    loss.backward()
    np.testing.assert_allclose(loss.item(), PARTS["rle_loss"], rtol=1e-4, atol=1e-5)
    for found, key in ((sigma, "rle_grad_sigma"), (error, "rle_grad_error")):
        np.testing.assert_allclose(found.grad, PARTS[key], rtol=0, atol=1e-4 * np.linalg.norm(PARTS[key]))


def test_the_density_of_the_flow_is_as_recorded():
    found = recorded_flow("flow_param/", PARTS).log_prob(torch.from_numpy(PARTS["flow_x"]))
    np.testing.assert_allclose(found.detach(), PARTS["flow_logprob"], rtol=1e-4, atol=1e-4)


def test_a_flow_that_changes_nothing_gives_the_laplace_likelihood_less_the_normal_density():
    flow = recorded_flow("flow_param/", PARTS)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.zero_()
    loss = residual_likelihood(flow, torch.tensor([[1.0, 2.0]]), torch.tensor([[0.5, 0.5]]), torch.ones(1))
    log_phi = -0.5 * 5 - math.log(2 * math.pi)
    assert loss.item() == pytest.approx(2 * (math.log(0.5) - log_phi) + 3, rel=1e-5)


def test_it_is_never_negative():
    flow = recorded_flow("flow_param/", PARTS)
    assert residual_likelihood(flow, torch.zeros(1, 2), torch.full((1, 2), 1e-30), torch.ones(1)).item() == 0


def test_without_errors_it_is_0_and_the_flow_stays_in_the_graph():
    flow = recorded_flow("flow_param/", PARTS)
    loss = residual_likelihood(flow, torch.zeros(0, 2), torch.zeros(0, 2), torch.zeros(0))
    loss.backward()
    assert loss.item() == 0
    assert all(parameter.grad is not None for parameter in flow.parameters())


def test_the_gradient_is_exact():
    flow = recorded_flow("flow_param/", PARTS).double()
    error = torch.randn(5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    sigma = (torch.rand(5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) + 0.5).requires_grad_()
    weights = torch.tensor([1.0, 1.2, 1.5, 1.0, 1.0], dtype=torch.float64)
    assert gradcheck(lambda e, s: residual_likelihood(flow, e, s, weights), (error, sigma))


def test_only_cocos_points_have_weights_of_their_own():
    like = torch.zeros(1)
    np.testing.assert_allclose(keypoint_weights((17, 3), like), PARTS["rle_weights_17"])
    assert keypoint_weights((17, 2), like).tolist() == [1.0] * 17
    assert keypoint_weights((5, 3), like).tolist() == [1.0] * 5
