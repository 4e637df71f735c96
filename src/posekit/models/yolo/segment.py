"""A kept import path of SegmentationPredictor, SegmentationTrainer and SegmentationValidator; see `kept_paths`."""

from typing import TYPE_CHECKING

from posekit.models.yolo.kept_paths import keep_path

if TYPE_CHECKING:
    from posekit.tasks import SegmentationPredictor, SegmentationTrainer, SegmentationValidator

__all__ = ["SegmentationPredictor", "SegmentationTrainer", "SegmentationValidator"]
__getattr__ = keep_path(__name__, ("SegmentationPredictor", "SegmentationTrainer", "SegmentationValidator"))
