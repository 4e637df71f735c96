"""A kept import path of PosePredictor, PoseTrainer and PoseValidator; see `kept_paths`."""

from typing import TYPE_CHECKING

from posekit.models.yolo.kept_paths import keep_path

if TYPE_CHECKING:
    from posekit.tasks import PosePredictor, PoseTrainer, PoseValidator

__all__ = ["PosePredictor", "PoseTrainer", "PoseValidator"]
__getattr__ = keep_path(__name__, ("PosePredictor", "PoseTrainer", "PoseValidator"))
