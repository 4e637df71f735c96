from copy import deepcopy

import pytest
import torch
from torch import nn

from posekit.config.settings import OPTIMIZERS
from posekit.engine.checkpoints import restore_optimizer
from posekit.engine.optimizer import OptimizerChoice, build_optimizer
from posekit.errors import CheckpointError

NAMES = [name for name in OPTIMIZERS if name != "auto"]


def network(channels=4):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, channels, 3), nn.BatchNorm2d(channels), nn.SiLU(), nn.Conv2d(channels, 2, 1))


def optimizer_of(name, model):
    choice = OptimizerChoice(name=name, lr=0.01, momentum=0.9, warmup_bias_lr=0.1)
    return build_optimizer(model, choice, weight_decay=0.001, boosted=["3.weight"])


def train(model, optimizer, steps):
    for step in steps:
        optimizer.zero_grad()
        picture = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(step))
        model(picture).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("name", NAMES)
def test_a_restored_optimizer_takes_the_same_steps_to_the_last_bit(name, tmp_path):
    model = network()
    optimizer = optimizer_of(name, model)
    train(model, optimizer, range(3))
    torch.save(optimizer.state_dict(), tmp_path / "state.pt")
    twin = deepcopy(model)
    restored = optimizer_of(name, twin)
    restore_optimizer(restored, torch.load(tmp_path / "state.pt", weights_only=True))
    for one, other in ((model, optimizer), (twin, restored)):
        train(one, other, range(3, 6))
    for ours, theirs in zip(model.state_dict().values(), twin.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)


def trained_state(name, channels=4):
    model = network(channels)
    optimizer = optimizer_of(name, model)
    train(model, optimizer, range(1))
    return optimizer.state_dict()


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (lambda: trained_state("SGD"), "or are set up otherwise"),
        (lambda: trained_state("MuSGD"), "its parameter groups are .*'muon'"),
        (lambda: trained_state("AdamW", channels=5), r"exp_avg of shape \(5, 3, 3, 3\) is for a parameter of \(4,"),
        (lambda: {"state": {}}, "param_groups"),
        (lambda: {"state": {}, "param_groups": [1]}, "does not fit"),
    ],
)
def test_a_state_of_something_else_is_refused_in_one_line(state, text):
    with pytest.raises(CheckpointError, match=text) as caught:
        restore_optimizer(optimizer_of("AdamW", network()), state())
    assert "\n" not in str(caught.value)
