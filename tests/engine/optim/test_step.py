import pytest
import torch
from torch import nn
from torch.amp.grad_scaler import GradScaler

from posekit.engine.optimizer import take_step


def example(scale=None):
    layer = nn.Linear(2, 1, bias=False)
    optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
    scaler = GradScaler("cpu", enabled=scale is not None, init_scale=scale or 1.0)
    return layer, optimizer, scaler


@pytest.mark.parametrize("scale", [None, 1024.0])
def test_gradients_are_unscaled_and_clipped_to_a_norm_of_ten(scale):
    layer, optimizer, scaler = example(scale)
    before = layer.weight.detach().clone()
    scaler.scale((layer(torch.tensor([[30.0, 40.0]]))).sum()).backward()
    assert take_step(optimizer, scaler, 10.0).item() == pytest.approx(50)
    torch.testing.assert_close(before - layer.weight, torch.tensor([[6.0, 8.0]]), atol=1e-4, rtol=0)


def test_families_may_clip_to_another_norm():
    layer, optimizer, scaler = example()
    before = layer.weight.detach().clone()
    layer(torch.tensor([[30.0, 40.0]])).sum().backward()
    take_step(optimizer, scaler, 0.1)
    torch.testing.assert_close(before - layer.weight, torch.tensor([[0.06, 0.08]]), atol=1e-4, rtol=0)


def test_small_gradients_are_left_as_they_are():
    layer, optimizer, scaler = example()
    before = layer.weight.detach().clone()
    layer(torch.tensor([[3.0, 4.0]])).sum().backward()
    assert take_step(optimizer, scaler, 10.0).item() == pytest.approx(5)
    torch.testing.assert_close(before - layer.weight, torch.tensor([[3.0, 4.0]]), atol=1e-5, rtol=0)


def test_an_overflow_skips_the_step_and_lowers_the_scale():
    layer, optimizer, scaler = example(1024.0)
    before = layer.weight.detach().clone()
    scaler.scale(layer(torch.tensor([[float("inf"), 1.0]])).sum()).backward()
    take_step(optimizer, scaler, 10.0)
    assert torch.equal(layer.weight, before)
    assert scaler.get_scale() == 512.0
