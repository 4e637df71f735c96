"""The command ``posekit predict``."""

import logging

from posekit.cli.words import Command
from posekit.config.check import resolve
from posekit.config.modes import DEFAULT_TASK, TASKS
from posekit.config.predict import PredictSettings

logger = logging.getLogger("posekit")

# Made on the fly, so that a first command works without any file.
DEFAULT_SOURCE = "figures"


def run_predict(command: Command) -> None:
    """Predict, save drawn results unless ``save=False``, and say where they are.

    Settings are checked before the network is loaded, so that a typo costs no waiting.
    """
    given = resolve(PredictSettings, {**command.values, "cfg": command.settings.cfg})
    model_file = command.settings.model or _default_model(command.settings.task)
    source = command.settings.source
    if source is None:
        logger.warning("no source given: taking source=%s (built-in); name pictures with source=FILE", DEFAULT_SOURCE)
        source = DEFAULT_SOURCE

    from posekit.api import YOLO

    model = YOLO(model_file, task=command.settings.task)
    saved = None
    for result in model.predict(source, stream=True, **({"save": True} | given)):
        saved = result.save_dir or saved
    if saved and given.get("verbose", True):
        logger.info("Results saved to %s", saved)


def _default_model(task: str | None) -> str:
    model_file = TASKS[task or DEFAULT_TASK].model
    logger.warning("no model given: taking model=%s; name another with model=FILE", model_file)
    return model_file
