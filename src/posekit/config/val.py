"""Settings of the mode val."""

from dataclasses import dataclass
from typing import ClassVar

from posekit.config.field import again, setting
from posekit.config.kinds import Choice, Flag
from posekit.config.shared import DataSettings, DetectionSettings


@dataclass(frozen=True, kw_only=True)
class ValSettings(DataSettings, DetectionSettings):
    """What `val` takes."""

    command: ClassVar[str] = "val"

    conf: float = again(DetectionSettings, "conf", default=0.001)
    split: str = setting("val", Choice(("val", "test", "train")), "part of the data set to evaluate")
    save_json: bool = setting(False, Flag(), "save predictions as COCO results")
