"""Learning rate, momentum and accumulation over a run: warm-up, then a factor per epoch."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import cos, pi

from torch.optim import Optimizer

from posekit.config.settings import TrainSettings
from posekit.engine.optimizer import OptimizerChoice, nominal_accumulation


def linear_factor(epoch: int, epochs: int, last: float) -> float:
    """Return the factor on learning rates in an epoch (0-based): from 1 straight towards `last`."""
    return max(1 - epoch / epochs, 0.0) * (1 - last) + last


def cosine_factor(epoch: int, epochs: int, last: float) -> float:
    """Return the factor on learning rates in an epoch (0-based): from 1 along half a cosine towards `last`."""
    return max((1 - cos(epoch * pi / epochs)) / 2, 0.0) * (last - 1) + 1


def warmup_length(warmup_epochs: float, *, epochs: int, batches: int) -> int:
    """Return the iterations of the warm-up, which ends before the last epoch; 0 means none."""
    return round(min(warmup_epochs, max(epochs - 1, 0)) * batches)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What learning rate, momentum and accumulation are at each iteration of a run.

    Iterations count batches from 0 through all epochs: iteration = batch + epoch * `batches`.

    Attributes:
        epochs: epochs of the run.
        batches: batches per epoch.
        factor: maps (epoch, epochs, last) to the factor on learning rates, such as `linear_factor`.
        last: the factor that the run heads for.
        warmup: iterations of the warm-up; 0 without.
        bias_lr: learning rate of biases at iteration 0 of the warm-up; others start at 0.
        momenta: momentum at the start and at the end of the warm-up.
        accumulate: batches per step after the warm-up.
        nominal: the same before rounding: what the warm-up heads for.
    """

    epochs: int
    batches: int
    factor: Callable[[int, int, float], float]
    last: float
    warmup: int
    bias_lr: float
    momenta: tuple[float, float]
    accumulate: int
    nominal: float

    @classmethod
    def of(cls, settings: TrainSettings, choice: OptimizerChoice, *, batches: int, batch: int) -> "Schedule":
        """Return the schedule of a run.

        Args:
            settings: the user's settings.
            choice: the optimiser.
            batches: batches per epoch.
            batch: pictures per batch.
        """
        # Whoever limits time does not know the number of epochs; else a run takes at least one full step.
        most = float("inf") if settings.time is not None else batches * settings.epochs
        return cls(
            epochs=settings.epochs,
            batches=batches,
            factor=cosine_factor if settings.cos_lr else linear_factor,
            last=settings.lrf,
            warmup=warmup_length(settings.warmup_epochs, epochs=settings.epochs, batches=batches),
            bias_lr=choice.warmup_bias_lr,
            momenta=(settings.warmup_momentum, settings.momentum),
            accumulate=int(min(nominal_accumulation(batch, settings.nbs), most)),
            nominal=min(settings.nbs / batch, most),
        )

    def for_epochs(self, epochs: int) -> "Schedule":
        """Return the same schedule for another number of epochs, with the warm-up as it is."""
        return replace(self, epochs=epochs)

    def accumulation_at(self, iteration: int) -> int:
        """Return how many batches make one step at an iteration."""
        if not self._warms_up(iteration):
            return self.accumulate
        return max(1, round(self._ramp(iteration, 1.0, self.nominal)))

    def apply(self, optimizer: Optimizer, iteration: int) -> None:
        """Set learning rates, and during the warm-up momenta, of all groups for an iteration.

        Groups have a ``name`` and an ``initial_lr``. Momentum is set where a group has one: the betas of the Adam
        family stay.
        """
        factor = self.factor(iteration // self.batches, self.epochs, self.last)
        warming = self._warms_up(iteration)
        for group in optimizer.param_groups:
            lr = group["initial_lr"] * factor
            if warming:
                lr = self._ramp(iteration, self.bias_lr if group["name"] == "bias" else 0.0, lr)
                if "momentum" in group:
                    group["momentum"] = self._ramp(iteration, *self.momenta)
            group["lr"] = lr

    def _warms_up(self, iteration: int) -> bool:
        return 0 < self.warmup >= iteration

    def _ramp(self, iteration: int, start: float, stop: float) -> float:
        """Return what goes straight from `start` at iteration 0 to `stop` at the end of the warm-up."""
        share = iteration / self.warmup
        return start * (1 - share) + stop * share


def learning_rates(optimizer: Optimizer) -> dict[str, float]:
    """Return the learning rate of each group by the name it has in result files, ``lr/pg0`` and so on."""
    return {f"lr/pg{index}": float(group["lr"]) for index, group in enumerate(optimizer.param_groups)}
