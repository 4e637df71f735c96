"""Logs trainings to MLflow."""

import os
import time
from typing import Any

from posekit.engine.loggers.shared import (
    LoggedTrainer,
    figures,
    known_run_id,
    last_epoch,
    last_values,
    plain_name,
    plain_settings,
    project_name,
    remember_run_id,
    tables,
)
from posekit.errors import MissingExtraError

LONGEST_SETTING = 500  # letters; older servers take no more
PARENT_TAG = "mlflow.parentRunId"


class MlflowLogger:
    """Logs settings, values per epoch, and at the end the figures, tables and best weights.

    Where to is the package's choice: ``MLFLOW_TRACKING_URI``, or a file in the working directory. The experiment is
    that of an active run, whose child the training becomes, else ``MLFLOW_EXPERIMENT_NAME``, else the project of the
    settings, or "posekit". A resumed training goes on with its run. A server that does not answer delays the training
    once, by as much as ``MLFLOW_HTTP_REQUEST_TIMEOUT`` and ``MLFLOW_HTTP_REQUEST_MAX_RETRIES`` allow.

    Raises:
        MissingExtraError: the package is not installed.
    """

    service = "MLflow"

    def __init__(self) -> None:
        try:
            from mlflow.tracking import MlflowClient  # noqa: F401 - told now, not when the training has begun
        except ImportError as error:
            raise MissingExtraError("MLflow logging", "mlflow", "mlflow") from error
        self._client: Any = None
        self._run_id: str | None = None

    def start(self, trainer: LoggedTrainer) -> None:
        """Begin a run with the settings."""
        from mlflow.tracking import MlflowClient

        self._client = MlflowClient()
        known = known_run_id(trainer, "mlflow")
        if known is not None:
            self._client.update_run(known, status="RUNNING")
            self._run_id = known
            return
        self._run_id = self._new_run(trainer)
        remember_run_id(trainer, "mlflow", self._run_id)
        self._log_settings(trainer)

    def log_epoch(self, trainer: LoggedTrainer) -> None:
        """Log the values of the epoch, brackets in their names replaced: MLflow takes none."""
        if self._run_id is None:
            return
        from mlflow.entities import Metric

        now, step = int(time.time() * 1000), last_epoch(trainer)
        values = [Metric(plain_name(column), value, now, step) for column, value in last_values(trainer).items()]
        self._client.log_batch(self._run_id, metrics=values)

    def finish(self, trainer: LoggedTrainer) -> None:
        """Log the files of the run, and end it."""
        if self._run_id is None:
            return
        for path in (*tables(trainer), *figures(trainer)):
            self._client.log_artifact(self._run_id, str(path))
        if trainer.best.is_file():
            self._client.log_artifact(self._run_id, str(trainer.best), "weights")
        self._end("FINISHED")

    def close(self) -> None:
        """End the run as a failed one."""
        if self._run_id is not None:
            self._end("FAILED")

    def _new_run(self, trainer: LoggedTrainer) -> str:
        import mlflow

        active = mlflow.active_run()
        if active is None:
            experiment, tags = self._experiment(trainer), {}
        else:
            experiment, tags = active.info.experiment_id, {PARENT_TAG: active.info.run_id}
        run = self._client.create_run(experiment, tags=tags, run_name=trainer.save_dir.name)
        return str(run.info.run_id)

    def _experiment(self, trainer: LoggedTrainer) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or project_name(trainer)
        known = self._client.get_experiment_by_name(name)
        return str(self._client.create_experiment(name) if known is None else known.experiment_id)

    def _log_settings(self, trainer: LoggedTrainer) -> None:
        from mlflow.entities import Param

        settings = [Param(key, str(value)[:LONGEST_SETTING]) for key, value in plain_settings(trainer).items()]
        self._client.log_batch(self._run_id, params=settings)

    def _end(self, status: str) -> None:
        self._client.set_terminated(self._run_id, status)
        self._run_id = None
