"""State of a training taken up again: optimiser and gradients alone, and all that moves weights together."""

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.amp.grad_scaler import GradScaler

from posekit.checkpoint.checkpoint import read_checkpoint, save_checkpoint
from posekit.checkpoint.record import Checkpoint
from posekit.checkpoint.training_state import TrainingState, training_of, with_training
from posekit.config.settings import OPTIMIZERS, TrainSettings
from posekit.engine.checkpoints import pending_gradients, restore_gradients, restore_optimizer
from posekit.engine.learner import ModelEma
from posekit.engine.optimizer import (
    OptimizerChoice,
    Schedule,
    build_optimizer,
    choose_optimizer,
    learning_rates,
    take_step,
)
from posekit.engine.seeds import capture_random_state, restore_random_state, seed_all
from posekit.engine.stopping import EarlyStopping
from posekit.errors import CheckpointError

NAMES = [name for name in OPTIMIZERS if name != "auto"]


def network(channels=4):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, channels, 3), nn.BatchNorm2d(channels), nn.SiLU(), nn.Conv2d(channels, 2, 1))


def optimizer_of(name, model):
    choice = OptimizerChoice(name=name, lr=0.01, momentum=0.9, warmup_bias_lr=0.1)
    return build_optimizer(model, choice, weight_decay=0.001, boosted=["3.weight"])


def take_steps(model, optimizer, steps):
    for step in steps:
        optimizer.zero_grad()
        picture = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(step))
        model(picture).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("name", NAMES)
def test_a_restored_optimizer_takes_the_same_steps_to_the_last_bit(name, tmp_path):
    model = network()
    optimizer = optimizer_of(name, model)
    take_steps(model, optimizer, range(3))
    torch.save(optimizer.state_dict(), tmp_path / "state.pt")
    twin = deepcopy(model)
    restored = optimizer_of(name, twin)
    restore_optimizer(restored, torch.load(tmp_path / "state.pt", weights_only=True))
    for one, other in ((model, optimizer), (twin, restored)):
        take_steps(one, other, range(3, 6))
    for ours, theirs in zip(model.state_dict().values(), twin.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)


def trained_state(name, channels=4):
    model = network(channels)
    optimizer = optimizer_of(name, model)
    take_steps(model, optimizer, range(1))
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


BATCHES, EPOCHS = 5, 4


class Run:
    """A small training with dropout, batch norm, warm-up and steps of three batches that straddle epochs."""

    def __init__(self, optimizer):
        seed_all(3)
        settings = TrainSettings(optimizer=optimizer, epochs=EPOCHS, warmup_epochs=1.0, nbs=6)
        self.model = nn.Sequential(
            nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.SiLU(), nn.Dropout(0.5), nn.Conv2d(8, 2, 1)
        )
        choice = choose_optimizer(settings, classes=1, iterations=20)
        self.optimizer = build_optimizer(self.model, choice, weight_decay=0.01, boosted=["4.weight"])
        self.schedule = Schedule.of(settings, choice, batches=BATCHES, batch=2)
        self.scaler, self.pending = GradScaler("cpu", enabled=False), 0
        self.ema, self.stopping, self.rows = ModelEma(self.model), EarlyStopping(9), []

    def train(self, epochs):
        for epoch in epochs:
            for iteration in range(epoch * BATCHES, (epoch + 1) * BATCHES):
                self.schedule.apply(self.optimizer, iteration)
                loss = self.model(torch.randn(2, 3, 8, 8)).square().sum()
                self.scaler.scale(loss).backward()
                self.pending += 1
                if self.pending >= self.schedule.accumulation_at(iteration):
                    self.pending = 0
                    take_step(self.optimizer, self.scaler, 10.0)
                    self.optimizer.zero_grad()
                    self.ema.update(self.model)
            self.stopping.update(epoch + 1, 1 / float(loss.detach()))
            self.rows.append({"epoch": epoch + 1.0, "loss": float(loss.detach())} | learning_rates(self.optimizer))

    def save(self, path, epoch):
        state = TrainingState(
            epoch=epoch,
            model=self.model.state_dict(),
            ema=self.ema.model.state_dict(),
            updates=self.ema.updates,
            optimizer=self.optimizer.state_dict(),
            scaler=self.scaler.state_dict(),
            pending=self.pending,
            gradients=pending_gradients(self.model),
            random=capture_random_state(),
            early_stop=self.stopping.state_dict(),
            results=self.rows,
        )
        save_checkpoint(path, with_training(Checkpoint(path=str(path), state={}), state))

    def resume(self, path):
        state = training_of(read_checkpoint(path))
        self.model.load_state_dict(state.model)
        self.ema.load_state_dict({"model": state.ema, "updates": state.updates})
        restore_optimizer(self.optimizer, state.optimizer)
        self.scaler.load_state_dict(state.scaler)
        self.pending = state.pending
        restore_gradients(self.model, state.gradients)
        restore_random_state(state.random)
        self.stopping.load_state_dict(state.early_stop)
        self.rows = state.results
        return state.epoch + 1


@pytest.mark.parametrize("optimizer", ["SGD", "AdamW", "MuSGD", "RMSProp"])
def test_an_interrupted_run_ends_like_one_that_was_not(optimizer, tmp_path):
    whole = Run(optimizer)
    whole.train(range(EPOCHS))
    for last in range(EPOCHS - 1):
        first = Run(optimizer)
        first.train(range(last + 1))
        first.save(tmp_path / "last.pt", last)
        second = Run(optimizer)
        seed_all(99)
        second.train(range(1))  # whatever it has learned meanwhile is replaced
        second.train(range(second.resume(tmp_path / "last.pt"), EPOCHS))
        for part in ("model", "ema"):
            ours, theirs = (getattr(run, part) for run in (whole, second))
            states = [(run.model if part == "ema" else run).state_dict() for run in (ours, theirs)]
            for name, tensor in states[0].items():
                assert torch.equal(tensor, states[1][name]), (last, part, name)
        assert second.rows == whole.rows
        assert second.stopping.state_dict() == whole.stopping.state_dict()
        assert second.pending == whole.pending


def test_some_of_these_runs_are_interrupted_between_steps():
    run, waiting = Run("SGD"), []
    for epoch in range(EPOCHS - 1):
        run.train([epoch])
        assert bool(pending_gradients(run.model)) == (run.pending > 0)
        waiting.append(run.pending)
    assert any(waiting)
