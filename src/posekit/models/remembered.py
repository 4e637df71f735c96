"""Settings of a training that still matter when its weights are loaded."""

from typing import Any, Final

from posekit.checkpoint.contents import Checkpoint
from posekit.config.kinds import ImageSize, takes
from posekit.log import LOGGER

REMEMBERED: Final = ("imgsz", "data", "task", "single_cls")


def remembered_settings(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return those of `REMEMBERED` that a checkpoint tells; an input size that makes no sense is left out."""
    settings = {key: checkpoint.settings[key] for key in REMEMBERED if checkpoint.settings.get(key) is not None}
    if "imgsz" in settings and not takes(ImageSize(), settings["imgsz"]):
        LOGGER.warning("%s: its input size imgsz=%r makes no sense, and is ignored", checkpoint.path, settings["imgsz"])
        del settings["imgsz"]
    return settings
