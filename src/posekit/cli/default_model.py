"""The model that a command takes when none is named."""

from posekit.checkpoint.packaged import FIGURES_POSE
from posekit.config.modes import DEFAULT_TASK, TASKS
from posekit.log import LOGGER


def default_model(task: str | None) -> str:
    """Return the weight file of a task's newest nano network, and say so."""
    chosen = TASKS[task or DEFAULT_TASK]
    LOGGER.warning("no model given: taking %s; name another with model=FILE (model=yolo11n-pose.pt)", chosen.model)
    return chosen.model


def default_predictor(task: str | None) -> str:
    """Return the weight file to predict with, and say so: for poses the network that comes with posekit."""
    if (task or DEFAULT_TASK) != DEFAULT_TASK:
        return default_model(task)
    LOGGER.warning(
        "no model given: taking %s, which comes with posekit and has seen drawn people only; "
        "for photographs name a real one with model=FILE (model=yolo11n-pose.pt)",
        FIGURES_POSE,
    )
    return FIGURES_POSE
