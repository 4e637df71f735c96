"""Logs trainings to Weights & Biases."""

import os
from typing import Any

from posekit.engine.loggers.shared import (
    LoggedTrainer,
    figures,
    known_run_id,
    last_epoch,
    last_values,
    plain_settings,
    project_name,
    remember_run_id,
    tables,
)
from posekit.errors import MissingExtraError


class WandbLogger:
    """Logs settings, values per epoch, and at the end the figures, tables and best weights.

    The project is that of the settings, or "posekit"; the variables of the package, such as ``WANDB_PROJECT``,
    ``WANDB_ENTITY`` and ``WANDB_MODE=offline``, come first. A resumed training goes on with its run.

    Raises:
        MissingExtraError: the package is not installed.
    """

    service = "Weights & Biases"

    def __init__(self) -> None:
        try:
            # A folder of that name, which offline runs leave behind, can be imported, but has no `init`.
            from wandb import init  # noqa: F401
        except ImportError as error:
            raise MissingExtraError("Weights & Biases logging", "wandb", "wandb") from error
        self._run: Any = None

    def start(self, trainer: LoggedTrainer) -> None:
        """Begin a run with the settings."""
        from wandb import init

        self._run = init(
            project=os.environ.get("WANDB_PROJECT") or project_name(trainer),
            name=os.environ.get("WANDB_NAME") or trainer.save_dir.name,
            dir=str(trainer.save_dir.resolve()),
            config=plain_settings(trainer),
            id=known_run_id(trainer, "wandb"),
            resume="allow",
        )
        remember_run_id(trainer, "wandb", str(self._run.id))

    def log_epoch(self, trainer: LoggedTrainer) -> None:
        """Log the values of the epoch under their names in ``results.csv``."""
        if self._run is not None:
            self._run.log(last_values(trainer), step=last_epoch(trainer))

    def finish(self, trainer: LoggedTrainer) -> None:
        """Log the files of the run, and end it: what waits is sent."""
        if self._run is None:
            return
        from wandb import Artifact, Image

        self._run.log({f"figures/{path.stem}": Image(str(path)) for path in figures(trainer)})
        artifact = Artifact(f"run_{self._run.id}", type="model")
        for path in (*tables(trainer), trainer.best):
            if path.is_file():
                artifact.add_file(str(path))
        self._run.log_artifact(artifact)
        self._run.finish()
        self._run = None

    def close(self) -> None:
        """End the run as a failed one."""
        if self._run is not None:
            self._run.finish(exit_code=1)
            self._run = None
