"""A kept import path of DetectionPredictor, DetectionTrainer and DetectionValidator; see `kept_paths`."""

from typing import TYPE_CHECKING

from posekit.models.yolo.kept_paths import keep_path

if TYPE_CHECKING:
    from posekit.tasks import DetectionPredictor, DetectionTrainer, DetectionValidator

__all__ = ["DetectionPredictor", "DetectionTrainer", "DetectionValidator"]
__getattr__ = keep_path(__name__, ("DetectionPredictor", "DetectionTrainer", "DetectionValidator"))
