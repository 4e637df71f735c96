"""The model that a command takes when none is named."""

from posekit.config.modes import DEFAULT_TASK, TASKS
from posekit.log import LOGGER


def default_model(task: str | None) -> str:
    """Return the weight file of a task's newest nano network, and say so."""
    chosen = TASKS[task or DEFAULT_TASK]
    LOGGER.warning("no model given: taking %s; name another with model=FILE (model=yolo11n-pose.pt)", chosen.model)
    return chosen.model
