from pathlib import Path

import numpy as np
import pytest
from torch import nn

from golden.networks import build_recorded
from posekit.engine.optimizer import OptimizerChoice, build_optimizer, muon_groups, plain_groups
from posekit.models.yolo.training import fast_parameters

GOLDEN = np.load(Path(__file__).parents[2] / "golden/train/optimizer.npz")
MODELS = ["yolov8n-pose", "yolo11n-pose", "yolo26n-pose", "yolov8n-seg", "yolo11n-seg", "yolo26n-seg"]


@pytest.mark.parametrize("model", MODELS)
def test_groups_have_the_recorded_members_and_rates(model):
    network = build_recorded(model)
    for optimizer in ("SGD", "AdamW", "MuSGD"):
        choice = OptimizerChoice(name=optimizer, lr=0.01, momentum=0.9, warmup_bias_lr=0.1)
        built = build_optimizer(network, choice, weight_decay=0.0005, boosted=fast_parameters(network))
        groups, key = built.param_groups, f"groups/{model}/{optimizer}"
        assert [group["name"] for group in groups] == list(GOLDEN[f"{key}/name"])
        counts = [(len(group["params"]), sum(p.numel() for p in group["params"])) for group in groups]
        np.testing.assert_array_equal(counts, GOLDEN[f"{key}/tensors_elements"])
        values = [
            (group["lr"], group["weight_decay"], group.get("muon", False), group.get("nesterov", False))
            for group in groups
        ]
        np.testing.assert_allclose(values, GOLDEN[f"{key}/lr_decay_muon_nesterov"], rtol=1e-6)


class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(4)
        self.logit_scale = nn.Parameter(nn.Linear(1, 1).bias.detach())
        self.biased = nn.Conv1d(2, 2, 1)  # "bias" in the full name of its weight
        self.linear = nn.Linear(4, 4).requires_grad_(False)


def test_names_and_layers_decide_and_frozen_parameters_are_members():
    model = Odd()
    weight, bn, bias = plain_groups(model, lr=0.1, weight_decay=0.5)
    assert set(map(id, weight["params"])) == {id(model.linear.weight)}
    assert set(map(id, bn["params"])) == {id(model.norm.weight), id(model.logit_scale)}
    assert set(map(id, bias["params"])) == set(
        map(id, (*model.biased.parameters(), model.norm.bias, model.linear.bias))
    )
    assert (weight["weight_decay"], bn["weight_decay"], bias["weight_decay"]) == (0.5, 0.0, 0.0)


def test_fast_parameters_learn_three_times_as_fast():
    model = Odd()
    groups = muon_groups(model, lr=0.1, weight_decay=0.5, boosted=["linear.weight", "norm.bias"])
    fast = {id(p): group["initial_lr"] for group in groups for p in group["params"]}
    assert fast[id(model.linear.weight)] == fast[id(model.norm.bias)] == pytest.approx(0.3)
    assert fast[id(model.norm.weight)] == 0.1
    assert len(fast) == len(list(model.parameters()))
