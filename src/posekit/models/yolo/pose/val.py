"""The validator of the task pose, under the name that people import."""

from typing import ClassVar

from posekit.models.yolo.detect.val import DetectionValidator


class PoseValidator(DetectionValidator):
    """Measures boxes and keypoints; see `DetectionValidator`."""

    task: ClassVar[str] = "pose"
