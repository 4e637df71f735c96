"""Decides what to do when a loss or the fitness is no longer a number."""

from math import isfinite
from typing import Final

from posekit.errors import TrainingError
from posekit.log import LOGGER

ATTEMPTS: Final = 3


class NanGuard:
    """Asks for an epoch to be done again from the last checkpoint, and gives up after three attempts.

    Attributes:
        attempts: how often in a row it has asked.
    """

    def __init__(self) -> None:
        self.attempts = 0

    def must_redo(self, epoch: int, *, loss: float, fitness: float) -> bool:
        """Return whether an epoch has to be done again.

        After the first epoch there is no checkpoint to return to: it is let through, with a warning.

        Args:
            epoch: 0-based.
            loss: mean of the epoch.
            fitness: of the validation after it; 0 without one.

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
