from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from posekit.engine.learner import ModelEma, ema_decay
from posekit.errors import CheckpointError

GOLDEN = np.load(Path(__file__).parents[1] / "golden/train/schedule.npz")


def small():
    return nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3))


def recorded(moment):
    prefix = f"ema/{moment}/"
    return {key.removeprefix(prefix): torch.from_numpy(GOLDEN[key]) for key in GOLDEN.files if key.startswith(prefix)}


def test_the_decay_grows_as_recorded():
    found = [ema_decay(int(update)) for update in GOLDEN["ema/updates"]]
    np.testing.assert_allclose(found, GOLDEN["ema/decay"], rtol=1e-5, atol=1e-8)


def test_five_updates_give_the_recorded_average_and_counters_stay():
    model = small()
    model.load_state_dict(recorded("init"))
    ema = ModelEma(model)
    for step in range(5):
        model.load_state_dict(recorded(f"step{step}"))
        ema.update(model)
    expected = recorded("final")
    assert ema.model.state_dict().keys() == expected.keys()
    for name, tensor in ema.model.state_dict().items():
        torch.testing.assert_close(tensor, expected[name], rtol=1e-5, atol=1e-7)
    assert ema.updates == 5
    assert int(ema.model[1].num_batches_tracked) == 0


@given(updates=st.integers(1, 40), seed=st.integers(0, 5))
def test_the_average_of_constants_is_the_constant(updates, seed):
    torch.manual_seed(seed)
    model = small()
    ema = ModelEma(model)
    for _ in range(updates):
        ema.update(model)
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(ema.model.state_dict()[name], tensor, rtol=1e-5, atol=1e-7)


@given(update=st.integers(1, 100_000))
def test_the_decay_rises_and_stays_below_its_limit(update):
    assert 0 < ema_decay(update) <= ema_decay(update + 1) <= 0.9999


def test_the_average_is_a_network_of_its_own_that_is_not_trained():
    model = small().train()
    ema = ModelEma(model)
    assert not ema.model.training
    assert not any(parameter.requires_grad for parameter in ema.model.parameters())
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with torch.no_grad():
        ema.model[0].weight.fill_(7)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert model.training


def test_a_half_precision_network_is_averaged_in_full_precision():
    ema = ModelEma(small().half())
    ema.update(small().half())
    assert ema.model[0].weight.dtype == torch.float32


def test_an_average_taken_back_goes_on_to_the_last_bit():
    torch.manual_seed(0)
    models = [small() for _ in range(6)]
    whole = ModelEma(models[0])
    for model in models[1:4]:
        whole.update(model)
    resumed = ModelEma(small())
    resumed.load_state_dict(
        {"updates": whole.updates, "model": {k: v.clone() for k, v in whole.state_dict()["model"].items()}}
    )
    for model in models[4:]:
        whole.update(model)
        resumed.update(model)
    assert resumed.updates == whole.updates == 5
    for one, other in zip(whole.model.state_dict().values(), resumed.model.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_an_average_of_another_network_is_refused_in_one_line():
    with pytest.raises(CheckpointError, match="belong to another network") as caught:
        ModelEma(small()).load_state_dict({"updates": 1, "model": nn.Linear(2, 2).state_dict()})
    assert "\n" not in str(caught.value)


def test_averages_that_are_no_numbers_come_from_the_network():
    model = small()
    ema = ModelEma(model)
    with torch.no_grad():
        ema.model[0].weight[0] = float("nan")
        ema.model[1].running_var[1] = float("inf")
        ema.model[0].bias.fill_(3)
    assert ema.repair(model) == ["0.weight", "1.running_var"]
    assert torch.equal(ema.model[0].weight, model[0].weight)
    assert torch.equal(ema.model[1].running_var, model[1].running_var)
    assert torch.equal(ema.model[0].bias, torch.full((3,), 3.0))
