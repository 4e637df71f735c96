"""One step of learning: forward, losses, backward, and now and then a move of the weights."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from math import exp
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from posekit.engine import distributed
from posekit.engine.optimizer import (
    OptimizerChoice,
    Schedule,
    build_optimizer,
    choose_optimizer,
    effective_weight_decay,
    planned_iterations,
    take_step,
)
from posekit.engine.precision import Precision
from posekit.engine.training_batches import rescaled
from posekit.engine.training_run import TrainingRun
from posekit.errors import CheckpointError
from posekit.log import LOGGER, one_line
from posekit.models.contract import Criterion, Losses
from posekit.sample import Batch, Targets

DECAY: Final = 0.9999
RAMP: Final = 2000.0  # updates until the average is about as slow as it gets


def ema_decay(update: int, decay: float = DECAY, ramp: float = RAMP) -> float:
    """Return the share of the old average that the n-th update (1-based) keeps: young averages forget fast."""
    return decay * (1 - exp(-update / ramp))


class ModelEma:
    """Exponential moving average of every floating tensor of a network, statistics of batch norms included.

    Whole-number tensors (the counters of batch norms) stay as they were when the average began.

    Attributes:
        model: the average as a network, in evaluation mode and without gradients; floating tensors are float32.
        updates: how many updates it has seen.
    """

    def __init__(self, model: nn.Module, decay: float = DECAY, ramp: float = RAMP) -> None:
        self.model = deepcopy(model).eval().requires_grad_(False).float()
        self.updates = 0
        self._decay, self._ramp = decay, ramp

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move the average towards the weights of a network of the same shape."""
        self.updates += 1
        kept = ema_decay(self.updates, self._decay, self._ramp)
        source = model.state_dict()
        averages = {name: tensor for name, tensor in self.model.state_dict().items() if tensor.is_floating_point()}
        torch._foreach_mul_(list(averages.values()), kept)
        torch._foreach_add_(
            list(averages.values()), [source[name].detach().float() for name in averages], alpha=1 - kept
        )

    @torch.no_grad()
    def repair(self, model: nn.Module) -> list[str]:
        """Replace averages that are not finite by the weights of the network; return their names."""
        source, broken = model.state_dict(), []
        for name, tensor in self.model.state_dict().items():
            if tensor.is_floating_point() and not torch.isfinite(tensor).all():
                tensor.copy_(source[name])
                broken.append(name)
        return broken

    def state_dict(self) -> dict[str, Any]:
        """Return ``updates`` and ``model``, the tensors by name; not copies."""
        return {"updates": self.updates, "model": self.model.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave.

        Raises:
            CheckpointError: the tensors are those of another network.
        """
        tensors: Mapping[str, Tensor] = state["model"]
        try:
            self.model.load_state_dict(tensors)
        except RuntimeError as error:
            raise CheckpointError(f"the averaged weights belong to another network: {one_line(error)}") from error
        self.updates = int(state["updates"])


def synchronise_batch_norms(network: nn.Module, device: torch.device, processes: int) -> None:
    """Let the batch norms of a network, in place, see the batches of all processes; warn where they cannot.

    Names of weights and statistics stay as they are.
    """
    if device.type != "cuda" or processes == 1:
        LOGGER.warning(
            "sync_bn=True has no effect: PyTorch synchronises batch norms between processes on CUDA devices, and here "
            "%s on %s",
            "one process trains" if processes == 1 else f"{processes} processes train",
            device.type,
        )
        return
    nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]


class ScoredNetwork(nn.Module):
    """A network together with its losses, so that gradients of all parameters come from one forward pass."""

    def __init__(self, network: nn.Module, criterion: Criterion) -> None:
        super().__init__()
        self.network = network
        self._criterion = [criterion]  # not a part of the module: it holds the network's flow model, too

    def forward(self, images: Tensor, targets: Targets) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the (T,) total losses and the items of a batch."""
        losses: Losses = self._criterion[0](self.network(images), targets)
        return losses.total, losses.items


def made_to_learn(network: nn.Module, criterion: Criterion, device: torch.device) -> nn.Module:
    """Return a network with its losses; of several processes, one whose gradients are the mean of all."""
    scored = ScoredNetwork(network, criterion)
    if distributed.world_size() == 1:
        return scored
    for weight in network.parameters():
        # Pictures in channels-last layout give such weights gradients whose strides differ, though only along sides of
        # length 1. PyTorch would warn of it.
        if weight.requires_grad and 1 in weight.shape[1:]:
            weight.register_hook(with_usual_strides)  # type: ignore[no-untyped-call]
    ids = [device.index] if device.type == "cuda" else None
    # No search for parameters without a gradient: a criterion gives every one its own, whatever the batch holds.
    return DistributedDataParallel(scored, device_ids=ids, forward_sync_buffers=False)


def with_usual_strides(gradient: Tensor) -> Tensor:
    """Return a gradient with the strides of row-major layout, if that is its layout but for sides of length 1."""
    return gradient.flatten().view(gradient.shape) if gradient.is_contiguous() else gradient


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
        pending: batches since the last move, also of earlier epochs, whose gradients wait for the next.
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
        self._processes = distributed.world_size()
        self._tell = tell
        self._precision = Precision.of(settings.amp, device)
        wanted = settings.channels_last
        # Not on processors: their batch norms sum that layout a hundred times less exactly, which costs accuracy.
        self._channels_last = device.type == "cuda" if wanted is None else wanted
        run.model.freeze(settings.freeze)
        self.network = run.model.network.to(device)
        sigmas = None if run.sigmas is None else run.sigmas.values
        counts = torch.from_numpy(np.bincount(run.train.pictures.classes, minlength=len(run.model.names)))
        self.criterion = run.model.criterion(settings, sigmas, counts.to(device))
        planned = planned_iterations(len(run.train.pictures), batch=batch, nbs=settings.nbs, epochs=settings.epochs)
        self.choice = choice or choose_optimizer(settings, classes=len(run.model.names), iterations=planned)
        decay = effective_weight_decay(settings.weight_decay, batch=batch, nbs=settings.nbs)
        self.optimizer: Optimizer = build_optimizer(
            self.network,
            self.choice,
            weight_decay=decay,
            boosted=self._recipe.fast_parameters,
            rates=self._recipe.rates,
        )
        self.schedule = Schedule.of(settings, self.choice, batches=batches, batch=batch)
        self.scaler = GradScaler(device.type, enabled=self._precision.scaled)
        self.pending = 0
        self.ema = ModelEma(self.network, self._recipe.average_decay, self._recipe.average_ramp)
        if settings.sync_bn:
            synchronise_batch_norms(self.network, device, self._processes)
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
        weight = 1 / batches if self._recipe.averages_batches else self._processes
        self.scaler.scale(total.sum() * weight).backward()  # type: ignore[no-untyped-call]
        self.pending += 1
        if self.pending >= batches:
            self.pending = 0
            self._move()
        return items

    def share_statistics(self) -> None:
        """Give the averaged statistics of the first process to all: those of batch norms differ between processes."""
        if self._processes > 1:
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
            images = rescaled(images, self._settings.multi_scale, self._model.placing.stride, seed, self._side(images))
        if self._channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        return images, batch.targets.to(self._device)
