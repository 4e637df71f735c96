"""What a logger sees of a training, and what a training may ask of a logger."""

import re
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

from posekit.engine.callbacks import Callback
from posekit.engine.results_csv import ResultsCsv
from posekit.files.writing import write_whole
from posekit.log import LOGGER, one_line

Plain = str | int | float | bool
DEFAULT_PROJECT: Final = "posekit"
LONGEST_REASON: Final = 300


class LoggedTrainer(Protocol):
    """The part of a trainer that loggers read.

    Attributes:
        args: the settings, a dataclass.
        save_dir: folder of the run.
        best: its checkpoint of the best weights, if it is written.
        results: rows of all epochs, those before an interruption included.
    """

    args: Any
    save_dir: Path
    best: Path
    results: ResultsCsv


class RunLogger(Protocol):
    """Logs one training; any of its methods may raise whatever the service's package raises.

    Attributes:
        service: what it logs to, for messages.
    """

    service: str

    def start(self, trainer: LoggedTrainer) -> None:
        """Begin a run, or go on with that of an interrupted training, and log the settings."""
        ...

    def log_epoch(self, trainer: LoggedTrainer) -> None:
        """Log the last row of the results."""
        ...

    def finish(self, trainer: LoggedTrainer) -> None:
        """Log the files of the run, and end it."""
        ...

    def close(self) -> None:
        """End a run that was not finished as a failed one; harmless after `finish`."""
        ...


class GuardedLogger:
    """Passes events of a training to a logger until that fails: then one warning, and it is left alone.

    A service that is down, a wrong key or a full disk must not end a training of days: everything that is logged is in
    the run folder, too.
    """

    def __init__(self, logger: RunLogger) -> None:
        self._logger = logger
        self._works = True

    def callbacks(self) -> dict[str, Callback]:
        """Return the functions to add to a trainer, by event."""
        return {
            "on_pretrain_routine_end": partial(self._attempt, self._logger.start),
            "on_fit_epoch_end": partial(self._attempt, self._logger.log_epoch),
            "on_train_end": partial(self._attempt, self._logger.finish),
            "teardown": partial(self._attempt, lambda trainer: self._logger.close()),
        }

    def _attempt(self, step: Callable[[LoggedTrainer], None], trainer: LoggedTrainer) -> None:
        if not self._works:
            return
        try:
            step(trainer)
        except Exception as error:  # noqa: BLE001 - the packages raise errors of any kind
            self._works = False
            reason = one_line(f"{type(error).__name__}: {error}", LONGEST_REASON)
            LOGGER.warning("%s: nothing more is logged to it, the training goes on (%s)", self._logger.service, reason)


def plain_settings(trainer: LoggedTrainer) -> dict[str, Plain]:
    """Return the settings of a training; what is no number and no switch is written out."""
    values = {field.name: getattr(trainer.args, field.name) for field in fields(trainer.args)}
    return {key: value if isinstance(value, (str, int, float)) else str(value) for key, value in values.items()}


def last_epoch(trainer: LoggedTrainer) -> int:
    """Return the number of the last finished epoch, 1-based; 0 before the first."""
    rows = trainer.results.rows
    return int(rows[-1]["epoch"]) if rows else 0


def last_values(trainer: LoggedTrainer) -> dict[str, float]:
    """Return the values of the last epoch by column; its number is the step and not among them."""
    return {column: value for column, value in trainer.results.rows[-1].items() if column != "epoch"}


def plain_name(column: str) -> str:
    """Return a column's name in letters that every service takes: ``metrics/mAP50_B`` for ``metrics/mAP50(B)``."""
    return re.sub(r"[^\w./-]", "_", re.sub(r"\((\w+)\)", r"_\1", column))


def project_name(trainer: LoggedTrainer) -> str:
    """Return the setting ``project``, a folder, as a name; "posekit" without one."""
    name = re.sub(r"[^\w.-]+", "-", str(trainer.args.project or "")).strip("-.")
    return name or DEFAULT_PROJECT


def figures(trainer: LoggedTrainer) -> list[Path]:
    """Return the figures of a run in order of their names."""
    return sorted(path for path in trainer.save_dir.iterdir() if path.suffix in (".png", ".jpg"))


def tables(trainer: LoggedTrainer) -> list[Path]:
    """Return the files of settings and results of a run in order of their names."""
    return sorted(path for path in trainer.save_dir.iterdir() if path.suffix in (".csv", ".yaml"))


def remember_run_id(trainer: LoggedTrainer, service: str, run_id: str) -> None:
    """Write the id into the run folder."""
    write_whole(trainer.save_dir / _file_name(service), run_id.encode())


def known_run_id(trainer: LoggedTrainer, service: str) -> str | None:
    """Return the id of a training that is resumed; None for a new one, and for one that was not logged so far."""
    path = trainer.save_dir / _file_name(service)
    if not last_epoch(trainer) or not path.is_file():
        return None
    return path.read_text(encoding="utf-8").strip() or None


def _file_name(service: str) -> str:
    return f"{service}_run.txt"
