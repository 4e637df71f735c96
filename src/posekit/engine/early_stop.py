"""Which epoch was the best so far, and whether it is long enough ago to stop."""

from collections.abc import Mapping
from typing import Any

from posekit.errors import CheckpointError


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
        """Note the fitness of an epoch; return whether the run should stop.

        Args:
            epoch: 1-based.
            fitness: None when the epoch was not validated: it neither improves nor ends the run.
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
