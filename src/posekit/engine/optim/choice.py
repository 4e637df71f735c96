"""Chooses the optimiser: the one the user names, or with ``auto`` one that suits the length of the run."""

from dataclasses import dataclass
from math import ceil
from typing import Final

from posekit.config.train import OptimizerSettings

LONG_RUN: Final = 10_000  # iterations of nominal batches; longer runs take MuSGD
AUTO_MOMENTUM: Final = 0.9


@dataclass(frozen=True, kw_only=True)
class OptimizerChoice:
    """What an optimiser is built from.

    Attributes:
        name: one of `posekit.config.train.OPTIMIZERS`, never ``auto``.
        lr: learning rate at the start.
        momentum: momentum, or the first beta of the Adam family.
        warmup_bias_lr: learning rate of biases at the start of the warm-up.
    """

    name: str
    lr: float
    momentum: float
    warmup_bias_lr: float


def planned_iterations(images: int, *, batch: int, nbs: int, epochs: int) -> int:
    """Return how many nominal batches a run goes through: what ``auto`` decides by."""
    return ceil(images / max(batch, nbs)) * epochs


def choose_optimizer(settings: OptimizerSettings, *, classes: int, iterations: int) -> OptimizerChoice:
    """Return the optimiser of the settings; ``auto`` ignores their `lr0`, `momentum` and `warmup_bias_lr`.

    Args:
        settings: the user's settings.
        classes: number of classes of the data set; the rate for AdamW falls with it.
        iterations: see `planned_iterations`.
    """
    if settings.optimizer != "auto":
        return OptimizerChoice(
            name=settings.optimizer,
            lr=settings.lr0,
            momentum=settings.momentum,
            warmup_bias_lr=settings.warmup_bias_lr,
        )
    if iterations > LONG_RUN:
        return OptimizerChoice(name="MuSGD", lr=0.01, momentum=AUTO_MOMENTUM, warmup_bias_lr=0.0)
    lr = round(0.002 * 5 / (4 + classes), 6)
    return OptimizerChoice(name="AdamW", lr=lr, momentum=AUTO_MOMENTUM, warmup_bias_lr=0.0)
