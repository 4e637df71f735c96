"""What a logger sees of a training, and what a training may ask of a logger."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol


class ResultRows(Protocol):
    """The results of a run so far; see `posekit.engine.results_csv.ResultsCsv`."""

    @property
    def rows(self) -> Sequence[Mapping[str, float]]:
        """One row per epoch, values by column."""
        ...


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
    results: ResultRows


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
