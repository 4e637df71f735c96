"""TensorBoard, Weights & Biases and MLflow: trainings are logged to those that the user has switched on."""

from posekit.config.user import UserSettings
from posekit.engine.callbacks import Callback
from posekit.engine.loggers.mlflow import MlflowLogger
from posekit.engine.loggers.shared import GuardedLogger, RunLogger
from posekit.engine.loggers.tensorboard import TensorboardLogger
from posekit.engine.loggers.wandb import WandbLogger


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
