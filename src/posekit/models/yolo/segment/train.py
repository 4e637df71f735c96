"""The trainer of the task segment, under the name that people import."""

from typing import ClassVar

from posekit.models.yolo.detect.train import DetectionTrainer
from posekit.models.yolo.segment.val import SegmentationValidator


class SegmentationTrainer(DetectionTrainer):
    """Trains a segment network; see `DetectionTrainer`."""

    task: ClassVar[str] = "segment"
    validator: ClassVar[type[SegmentationValidator]] = SegmentationValidator
