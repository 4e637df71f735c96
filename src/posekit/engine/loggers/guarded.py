"""Callbacks around a logger that keep its troubles away from the training."""

from collections.abc import Callable

from posekit.engine.callbacks import Callback
from posekit.engine.loggers.contract import LoggedTrainer, RunLogger
from posekit.log import LOGGER, one_line

LONGEST_REASON = 300


class GuardedLogger:
    """Passes events of a training to a logger until that fails: then one warning, and it is left alone.

    A service that is down, a wrong key or a full disk must not end a training of days: everything that is logged is in
    the run folder, too.

    Args:
        logger: the logger.
    """

    def __init__(self, logger: RunLogger) -> None:
        self._logger = logger
        self._works = True

    def callbacks(self) -> dict[str, Callback]:
        """Return the functions to add to a trainer, by event."""
        return {
            "on_pretrain_routine_end": self._start,
            "on_fit_epoch_end": self._log_epoch,
            "on_train_end": self._finish,
            "teardown": self._close,
        }

    def _start(self, trainer: LoggedTrainer) -> None:
        self._attempt(lambda: self._logger.start(trainer))

    def _log_epoch(self, trainer: LoggedTrainer) -> None:
        self._attempt(lambda: self._logger.log_epoch(trainer))

    def _finish(self, trainer: LoggedTrainer) -> None:
        self._attempt(lambda: self._logger.finish(trainer))

    def _close(self, _: LoggedTrainer) -> None:
        self._attempt(self._logger.close)

    def _attempt(self, step: Callable[[], None]) -> None:
        if not self._works:
            return
        try:
            step()
        except Exception as error:  # noqa: BLE001 - the packages raise errors of any kind
            self._works = False
            reason = one_line(f"{type(error).__name__}: {error}")[:LONGEST_REASON]
            LOGGER.warning("%s: nothing more is logged to it, the training goes on (%s)", self._logger.service, reason)
