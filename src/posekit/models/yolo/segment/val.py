"""The validator of the task segment, under the name that people import."""

from typing import ClassVar

from posekit.models.yolo.detect.val import DetectionValidator


class SegmentationValidator(DetectionValidator):
    """Measures boxes and masks; see `DetectionValidator`."""

    task: ClassVar[str] = "segment"
