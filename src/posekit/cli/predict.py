"""The command ``posekit predict``."""

import logging

from posekit.cli.words import Command
from posekit.config.check import resolve
from posekit.config.modes import DEFAULT_TASK, TASKS, not_yet
from posekit.config.predict import PredictSettings

logger = logging.getLogger("posekit")


def run_predict(command: Command) -> None:
    """Predict, and save drawn results unless ``save=False``.

    Settings are checked before the network is loaded, so that a typo costs no waiting.
    """
    given = resolve(PredictSettings, {**command.values, "cfg": command.settings.cfg})
    model_file = command.settings.model or _default_model(command.settings.task)

    from posekit.api import YOLO

    model = YOLO(model_file, task=command.settings.task)
    for _ in model.predict(command.settings.source, stream=True, **({"save": True} | given)):
        pass  # results are saved and logged on the way; keeping none holds memory constant


def _default_model(task: str | None) -> str:
    chosen = TASKS[task or DEFAULT_TASK]
    if not chosen.available:
        raise not_yet(f"{chosen.name} networks")
    logger.warning("no model given: taking %s; name another with model=FILE (model=yolo11n-pose.pt)", chosen.model)
    return chosen.model
