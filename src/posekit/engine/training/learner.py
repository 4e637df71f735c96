"""One step of learning: forward, losses, backward, and now and then a move of the weights."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.amp import GradScaler
from torch.optim import Optimizer

from posekit.engine import distributed
from posekit.engine.ema import ModelEma
from posekit.engine.optim.accumulation import Accumulation, effective_weight_decay
from posekit.engine.optim.build import build_optimizer
from posekit.engine.optim.choice import OptimizerChoice, choose_optimizer, planned_iterations
from posekit.engine.optim.schedule import Schedule
from posekit.engine.optim.step import take_step
from posekit.engine.training.batch_norms import synchronise_batch_norms
from posekit.engine.training.input_size import rescaled
from posekit.engine.training.precision import Precision
from posekit.engine.training.run import TrainingRun
from posekit.engine.training.scored_network import ScoredNetwork, made_to_learn
from posekit.sample import Batch, Targets


class Learner:
    """Network, losses, optimiser, schedule and average of a training.

    Args:
        run: the training.
        device: where to compute.
        batch: pictures per batch, of all processes together.
        batches: batches per epoch.
        choice: the optimiser of an interrupted run; None chooses one.
        tell: called with ``optimizer_step`` before each move of the weights, with ``on_params_update`` after it, and
            with ``on_before_zero_grad`` before the gradients are dropped.

    Attributes:
        network: the weights that learn.
        criterion: the losses.
        choice: the optimiser's name, learning rate and momentum.
        optimizer: moves the weights.
        schedule: learning rates and accumulation by iteration.
        scaler: of losses; switched off unless float16 is used.
        accumulation: batches since the last move.
        ema: average of the weights.
    """

    def __init__(
        self,
        run: TrainingRun,
        device: torch.device,
        *,
        batch: int,
        batches: int,
        choice: OptimizerChoice | None = None,
        tell: Callable[[str], None] = lambda event: None,
    ) -> None:
        settings = run.settings
        self._settings = settings
        self._model = run.model
        self._recipe = run.model.recipe
        self._device = device
        self._tell = tell
        self._precision = Precision.of(settings.amp, device)
        wanted = settings.channels_last
        # Not on processors: their batch norms sum that layout a hundred times less exactly, which costs accuracy.
        self._channels_last = device.type == "cuda" if wanted is None else wanted
        run.model.freeze(settings.freeze)
        self.network = run.model.network.to(device)
        sigmas = None if run.sigmas is None else run.sigmas.values
        self.criterion = run.model.criterion(settings, sigmas, _class_counts(run).to(device))
        self.choice = choice or _choice(run, batch)
        decay = effective_weight_decay(settings.weight_decay, batch=batch, nbs=settings.nbs)
        self.optimizer: Optimizer = build_optimizer(
            self.network,
            self.choice,
            weight_decay=decay,
            boosted=run.model.boosted(),
            rates=self._recipe.rates,
        )
        self.schedule = Schedule.of(settings, self.choice, batches=batches, batch=batch)
        self.scaler = GradScaler(device.type, enabled=self._precision.scaled)
        self.accumulation = Accumulation()
        self.ema = ModelEma(self.network, self._recipe.average_decay, self._recipe.average_ramp)
        if settings.sync_bn:
            synchronise_batch_norms(self.network, device, distributed.world_size())
        self._scored = made_to_learn(self.network, self.criterion, device)

    def start_epoch(self) -> None:
        """Put the network into training mode."""
        self._model.train()

    def learn(self, batch: Batch, iteration: int) -> dict[str, Tensor]:
        """Learn from one batch; return the loss items, detached."""
        self.schedule.apply(self.optimizer, iteration)
        images, targets = self._inputs(batch, iteration)
        with torch.autocast(self._device.type, self._precision.dtype, enabled=self._precision.dtype is not None):
            total: Tensor
            items: dict[str, Tensor]
            total, items = self._scored(images, targets)
        batches = self.schedule.accumulation_at(iteration)
        # Gradients are averaged over processes; times their number that is the sum that one process would have.
        weight = 1 / batches if self._recipe.averages_batches else distributed.world_size()
        self.scaler.scale(total.sum() * weight).backward()  # type: ignore[no-untyped-call]
        if self.accumulation.is_due(batches):
            self._move()
        return items

    def share_statistics(self) -> None:
        """Give the averaged statistics of the first process to all: those of batch norms differ between processes."""
        if distributed.world_size() > 1:
            for buffer in self.ema.model.buffers():
                torch.distributed.broadcast(buffer, 0)

    def part_from_others(self) -> None:
        """Let go of the other processes, for whom no more gradients are computed."""
        self._scored = ScoredNetwork(self.network, self.criterion)

    def _move(self) -> None:
        self._tell("optimizer_step")
        take_step(self.optimizer, self.scaler, self._recipe.largest_gradient)
        self._tell("on_params_update")
        self._tell("on_before_zero_grad")
        self.optimizer.zero_grad(set_to_none=True)
        self.ema.update(self.network)

    def _side(self, images: Tensor) -> int:
        """Return the side in pixels around which the sizes of inputs vary."""
        if self._recipe.crops is not None and self._settings.imgsz is not None:
            return self._settings.imgsz  # pictures were made in the largest of the sizes
        return max(images.shape[2:])

    def _inputs(self, batch: Batch, iteration: int) -> tuple[Tensor, Targets]:
        """Return images (B, 3, H, W) float in [0, 1] and targets on the device."""
        assert batch.targets is not None
        images = batch.images.to(self._device, non_blocking=True).float() / 255
        if self._settings.multi_scale:
            seed = self._settings.seed, iteration
            images = rescaled(images, self._settings.multi_scale, self._model.stride, seed, self._side(images))
        if self._channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        return images, batch.targets.to(self._device)


def _choice(run: TrainingRun, batch: int) -> OptimizerChoice:
    settings = run.settings
    iterations = planned_iterations(len(run.train.pictures), batch=batch, nbs=settings.nbs, epochs=settings.epochs)
    return choose_optimizer(settings, classes=len(run.model.names), iterations=iterations)


def _class_counts(run: TrainingRun) -> Tensor:
    classes = np.concatenate([picture.classes for picture in run.train.pictures])
    return torch.from_numpy(np.bincount(classes, minlength=len(run.model.names)))
