"""The classes of the task segment, under the names that people import."""

from posekit.models.yolo.segment.predict import SegmentationPredictor
from posekit.models.yolo.segment.train import SegmentationTrainer
from posekit.models.yolo.segment.val import SegmentationValidator

__all__ = ["SegmentationPredictor", "SegmentationTrainer", "SegmentationValidator"]
