"""The classes of the task segment, under the names that people import."""

from posekit.tasks import SegmentationPredictor, SegmentationTrainer, SegmentationValidator

__all__ = ["SegmentationPredictor", "SegmentationTrainer", "SegmentationValidator"]
