"""What ends a training: its time, patience that is over, or losses that are no numbers."""

import time
from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

from posekit.engine import distributed
from posekit.errors import CheckpointError, TrainingError
from posekit.log import LOGGER

SECONDS_PER_HOUR: Final = 3600
ATTEMPTS: Final = 3  # at an epoch, after the first


class Clock:
    """Counts the seconds of a run that may take some hours, or any time; those before an interruption are `spent`."""

    def __init__(self, hours: float | None, spent: float = 0.0) -> None:
        self._limit = None if hours is None else hours * SECONDS_PER_HOUR
        self._began = time.monotonic() - spent

    @property
    def seconds(self) -> float:
        """Seconds of the run so far."""
        return time.monotonic() - self._began

    def is_over(self) -> bool:
        """Whether the time is over; without a limit never. All processes of a run must call this and agree."""
        if self._limit is None:
            return False
        return distributed.gather(self.seconds >= self._limit)[0]

    def epochs(self, done: int, planned: int) -> int:
        """Return how many epochs a run will have, by the mean time of those `done`; without a limit as `planned`."""
        if self._limit is None:
            return planned
        fit = -int(-self._limit * done // max(self.seconds, 1e-9))
        return distributed.gather(max(fit, done))[0]


class EarlyStopping:
    """Watches the fitness of a run.

    Args:
        patience: epochs without a better fitness before the run stops; 0: never.

    Attributes:
        best_fitness: highest fitness so far; 0 before any.
        best_epoch: epoch (1-based) of the last improvement; 0 before any.
        may_stop_next: whether the next epoch may be the last, which therefore has to be validated.
    """

    def __init__(self, patience: int) -> None:
        self.patience = float(patience) if patience > 0 else float("inf")
        self.best_fitness = 0.0
        self.best_epoch = 0
        self.may_stop_next = False

    def update(self, epoch: int, fitness: float | None) -> bool:
        """Note the fitness of an epoch (1-based), None when it was not validated; return whether the run should stop.

        An epoch that was not validated neither improves nor ends the run.
        """
        # As long as nothing is found, every epoch counts as an improvement: patience starts with the first success.
        if fitness is not None and (fitness > self.best_fitness or self.best_fitness == 0):
            self.best_fitness, self.best_epoch = fitness, epoch
        return self.reach(epoch) and fitness is not None

    def reach(self, epoch: int) -> bool:
        """Note that an epoch (1-based) has ended, or ended before an interruption; return whether patience is over."""
        waited = epoch - self.best_epoch
        self.may_stop_next = waited >= self.patience - 1
        return waited >= self.patience

    def is_best(self, fitness: float | None) -> bool:
        """Whether a fitness that was noted is the highest so far; a tie with an earlier one counts."""
        return fitness is not None and fitness == self.best_fitness

    def state_dict(self) -> dict[str, Any]:
        """Return what the run has seen, plain values; patience is a setting and not part of it."""
        return {"best_fitness": self.best_fitness, "best_epoch": self.best_epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave.

        Raises:
            CheckpointError: this is no such state.
        """
        try:
            self.best_fitness, self.best_epoch = float(state["best_fitness"]), int(state["best_epoch"])
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"the state of early stopping is damaged: {type(error).__name__} {error}") from error


class NanGuard:
    """Asks for an epoch to be done again from the last checkpoint, and gives up after three attempts.

    Attributes:
        attempts: how often in a row it has asked.
    """

    def __init__(self) -> None:
        self.attempts = 0

    def must_redo(self, epoch: int, *, loss: float, fitness: float) -> bool:
        """Return whether an epoch (0-based) has to be done again, by its mean loss and its fitness, 0 without one.

        After the first epoch there is no checkpoint to return to: it is let through, with a warning.

        Raises:
            TrainingError: the epoch has failed too often.
        """
        broken = [f"{name} is {value}" for name, value in (("loss", loss), ("fitness", fitness)) if not isfinite(value)]
        if not broken:
            self.attempts = 0
            return False
        what = f"epoch {epoch + 1}: {' and '.join(broken)}"
        if epoch == 0:
            LOGGER.warning("%s; there is no checkpoint to return to yet, training goes on", what)
            return False
        if self.attempts == ATTEMPTS:
            raise TrainingError(
                f"{what}, also after {ATTEMPTS} returns to the last checkpoint, which is kept: "
                "lower lr0, or train with amp=False, and look at the labels of the pictures"
            )
        self.attempts += 1
        LOGGER.warning("%s; back to the last checkpoint (attempt %d of %d)", what, self.attempts, ATTEMPTS)
        return True
