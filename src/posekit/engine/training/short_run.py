"""Warns of runs that are too short for their schedule."""

from posekit.config.train import TrainSettings
from posekit.log import LOGGER


def warn_of_no_warmup(settings: TrainSettings) -> None:
    """Warn of what one epoch does to weights that were trained before: there is no time for a warm-up.

    Args:
        settings: of a run that starts from such weights.
    """
    if settings.epochs > 1 or settings.time is not None or settings.optimizer != "auto":
        return
    LOGGER.warning(
        "epochs=1 leaves no time for a warm-up, and the automatic optimiser then spoils weights that were trained "
        "before: take more epochs, such as epochs=10"
    )
