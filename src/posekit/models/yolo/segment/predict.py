"""The predictor of the task segment, under the name that people import."""

from typing import ClassVar

from posekit.models.yolo.detect.predict import DetectionPredictor


class SegmentationPredictor(DetectionPredictor):
    """Predicts boxes and masks; see `DetectionPredictor`."""

    task: ClassVar[str] = "segment"
