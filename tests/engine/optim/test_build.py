import pytest
import torch
from torch import nn

from posekit.config.settings import OPTIMIZERS
from posekit.engine.optimizer import OptimizerChoice, build_optimizer
from posekit.errors import SettingError


def built(name, momentum=0.9):
    choice = OptimizerChoice(name=name, lr=0.01, momentum=momentum, warmup_bias_lr=0.1)
    return build_optimizer(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), choice, weight_decay=0.001)


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name != "auto"])
def test_every_optimizer_of_the_settings_exists_in_any_case(name):
    for spelling in (name, name.lower(), name.upper()):
        optimizer = built(spelling)
        assert type(optimizer).__name__.lower() == name.lower()
        group = optimizer.param_groups[0]
        assert group["betas"] == (0.9, 0.999) if "betas" in group else group["momentum"] == 0.9
        assert group["weight_decay"] == 0.001


@pytest.mark.parametrize("name", ["auto", "Lion"])
def test_others_are_refused_with_the_names_that_exist(name):
    with pytest.raises(SettingError, match=rf"optimizer={name} .*MuSGD, SGD, Adam, AdamW"):
        built(name)


def test_sgd_works_without_momentum():
    optimizer = built("SGD", momentum=0.0)
    for parameter in optimizer.param_groups[0]["params"]:
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
