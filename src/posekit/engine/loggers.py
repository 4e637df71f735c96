"""TensorBoard, Weights & Biases and MLflow: what a logger sees of a training, and one class for each of them."""

import os
import re
import time
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import cv2
import yaml

from posekit.config.user import UserSettings
from posekit.engine.callbacks import Callback
from posekit.engine.results_csv import ResultsCsv
from posekit.errors import MissingExtraError
from posekit.files.writing import write_whole
from posekit.io.decode import read_image
from posekit.log import LOGGER, one_line

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


Plain = str | int | float | bool
DEFAULT_PROJECT: Final = "posekit"
LONGEST_REASON: Final = 300

LONGEST_SETTING = 500  # letters; older servers take no more
PARENT_TAG = "mlflow.parentRunId"


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


class TensorboardLogger:
    """Writes event files: settings as text, values per epoch, and the figures at the end.

    ``tensorboard --logdir runs`` shows them. Epochs that a resumed training repeats replace those of the earlier file.

    Raises:
        MissingExtraError: TensorBoard is not installed.
    """

    service = "TensorBoard"

    def __init__(self) -> None:
        try:
            import torch.utils.tensorboard  # noqa: F401 - told now, not when the training has begun
        except ImportError as error:
            raise MissingExtraError("TensorBoard logging", "tensorboard", "tensorboard") from error
        self._writer: SummaryWriter | None = None

    def start(self, trainer: LoggedTrainer) -> None:
        """Open an event file in the run folder, and write the settings."""
        from torch.utils.tensorboard import SummaryWriter

        first = last_epoch(trainer) + 1
        self._writer = SummaryWriter(str(trainer.save_dir), purge_step=first)
        text = yaml.safe_dump(plain_settings(trainer), sort_keys=False)
        self._writer.add_text("settings", "".join(f"    {line}\n" for line in text.splitlines()), first)

    def log_epoch(self, trainer: LoggedTrainer) -> None:
        """Write the values of the epoch; they are on disk when this returns."""
        if self._writer is None:
            return
        for column, value in last_values(trainer).items():
            self._writer.add_scalar(plain_name(column), value, last_epoch(trainer))
        self._writer.flush()

    def finish(self, trainer: LoggedTrainer) -> None:
        """Write the figures of the run, and close the file."""
        if self._writer is None:
            return
        for path in figures(trainer):
            picture = cv2.cvtColor(read_image(path), cv2.COLOR_BGR2RGB)
            self._writer.add_image(f"figures/{plain_name(path.stem)}", picture, last_epoch(trainer), dataformats="HWC")
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


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


def open_loggers(user_settings: UserSettings) -> dict[str, list[Callback]]:
    """Return the callbacks of the loggers that are switched on, by event; of several processes only one should.

    A missing package is told here, before anything is computed. What goes wrong later, such as a service that does not
    answer, ends only that logger, with one warning.

    Args:
        user_settings: switches ``tensorboard``, ``wandb`` and ``mlflow``.

    Raises:
        MissingExtraError: the package of a logger is not installed.
    """
    switches: tuple[tuple[bool, type[RunLogger]], ...] = (
        (user_settings.tensorboard, TensorboardLogger),
        (user_settings.wandb, WandbLogger),
        (user_settings.mlflow, MlflowLogger),
    )
    callbacks: dict[str, list[Callback]] = {}
    for is_on, logger in switches:
        if is_on:
            for event, callback in GuardedLogger(logger()).callbacks().items():
                callbacks.setdefault(event, []).append(callback)
    return callbacks
