"""The time that a training takes, and may take."""

import time

from posekit.engine import distributed

SECONDS_PER_HOUR = 3600


class Clock:
    """Counts the seconds of a run, those before an interruption included.

    Args:
        hours: how long the run may take; None for any time.
        spent: seconds before the interruption.
    """

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
