from pathlib import Path

import numpy as np
import pytest
import torch

from posekit.engine.musgd import MuSGD, muon_directions

GOLDEN = np.load(Path(__file__).parents[2] / "golden/train/optimizer.npz")
NAMES = ("mat_wide", "mat_tall", "conv", "dw", "one", "vec")


def recorded(kind, name):
    return torch.from_numpy(GOLDEN[f"musgd/{kind}/{name}"])


def test_three_steps_move_every_kind_of_tensor_as_recorded():
    parameters = {name: torch.nn.Parameter(recorded("init", name).clone()) for name in NAMES}
    vectors = [parameters["vec"]]
    matrices = [parameters[name] for name in NAMES if name != "vec"]
    optimizer = MuSGD(
        [
            {"params": vectors},
            {"params": []},
            {"params": matrices, "muon": True, "weight_decay": 5e-4},
        ],
        lr=0.01,
    )
    for step in range(3):
        for name, parameter in parameters.items():
            parameter.grad = recorded(f"grad{step}", name).clone()
        optimizer.step()
        for name, parameter in parameters.items():
            torch.testing.assert_close(parameter.detach(), recorded(f"param{step}", name), atol=5e-4, rtol=0)


@pytest.mark.parametrize("name", ["mat_wide", "mat_tall", "conv"])
def test_directions_are_lengthened_for_tall_matrices_only(name):
    gradient = recorded("ns_in", name)
    scale = max(1, gradient.shape[-2] / gradient.shape[-1]) ** 0.5
    found = muon_directions([gradient], [torch.zeros_like(gradient)], 0.9, nesterov=True)[0]
    torch.testing.assert_close(found, recorded("update_out", name), atol=0.06 * scale, rtol=0)


@pytest.mark.parametrize("nesterov", [True, False])
def test_without_muon_it_is_sgd(nesterov):
    torch.manual_seed(0)
    start, gradients = torch.randn(4, 3), torch.randn(3, 4, 3)
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    options = {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.01, "nesterov": nesterov}
    pair = ((MuSGD([ours], **options), ours), (torch.optim.SGD([theirs], **options), theirs))
    for gradient in gradients:
        for optimizer, parameter in pair:
            parameter.grad = gradient.clone()
            optimizer.step()
    torch.testing.assert_close(ours, theirs)


def test_without_nesterov_the_direction_is_that_of_the_mean():
    gradient, buffer = torch.eye(3), torch.zeros(3, 3)
    muon_directions([gradient], [buffer], 0.75, nesterov=False)
    torch.testing.assert_close(buffer, 0.25 * torch.eye(3))


def test_parameters_without_gradient_stay_and_gradients_are_not_changed():
    moved, still = (torch.nn.Parameter(torch.ones(2, 2)) for _ in range(2))
    moved.grad = torch.full((2, 2), 0.5)
    MuSGD([{"params": [moved, still], "muon": True}], weight_decay=0.1).step()
    assert torch.equal(still, torch.ones(2, 2))
    assert not torch.equal(moved, torch.ones(2, 2))
    assert torch.equal(moved.grad, torch.full((2, 2), 0.5))


def test_a_closure_is_evaluated_with_gradients():
    weight = torch.nn.Parameter(torch.tensor([3.0]))
    optimizer = MuSGD([weight], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (weight**2).sum()
        loss.backward()
        return float(loss.detach())

    assert optimizer.step(closure) == 9.0
    assert weight.item() < 3.0
