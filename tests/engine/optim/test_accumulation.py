from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from posekit.engine.checkpoints import pending_gradients, restore_gradients
from posekit.engine.optimizer import effective_weight_decay, nominal_accumulation
from posekit.errors import CheckpointError

GOLDEN = np.load(Path(__file__).parents[2] / "golden/train/schedule.npz")


def test_accumulation_and_weight_decay_are_as_recorded():
    for batch, accumulate, decay in GOLDEN["accumulate/batch_acc_weightdecay"]:
        assert nominal_accumulation(int(batch), 64) == accumulate
        np.testing.assert_allclose(effective_weight_decay(0.0005, batch=int(batch), nbs=64), decay, rtol=1e-5)


def test_waiting_gradients_come_back_and_old_ones_go():
    model = nn.Linear(3, 2)
    assert pending_gradients(model) == {}
    model(torch.ones(1, 3)).sum().backward()
    model.bias.grad = None
    kept = pending_gradients(model)
    model.weight.grad.zero_()
    model.bias.grad = torch.ones(2)
    restore_gradients(model, kept)
    assert torch.equal(model.weight.grad, torch.ones(2, 3))
    assert model.bias.grad is None
    model.weight.grad.zero_()
    assert torch.equal(kept["weight"], torch.ones(2, 3))


@pytest.mark.parametrize("gradients", [{"scale": torch.ones(2)}, {"bias": torch.ones(3)}])
def test_gradients_of_another_network_are_refused(gradients):
    with pytest.raises(CheckpointError, match="fits no parameter"):
        restore_gradients(nn.Linear(3, 2), gradients)
