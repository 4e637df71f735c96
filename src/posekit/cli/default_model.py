"""The model that a command takes when none is named."""

from posekit.config.modes import DEFAULT_TASK, TASKS, not_yet
from posekit.log import LOGGER


def default_model(task: str | None) -> str:
    """Return the weight file of a task's newest nano network, and say so.

    Raises:
        NotInThisReleaseError: there are no networks for the task yet.
    """
    chosen = TASKS[task or DEFAULT_TASK]
    if not chosen.available:
        raise not_yet(f"{chosen.name} networks")
    LOGGER.warning("no model given: taking %s; name another with model=FILE (model=yolo11n-pose.pt)", chosen.model)
    return chosen.model
