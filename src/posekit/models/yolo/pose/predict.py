"""The predictor of the task pose, under the name that people import."""

from typing import ClassVar

from posekit.models.yolo.detect.predict import DetectionPredictor


class PosePredictor(DetectionPredictor):
    """Predicts boxes and keypoints; see `DetectionPredictor`."""

    task: ClassVar[str] = "pose"
