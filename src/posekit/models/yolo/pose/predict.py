"""The predictor of the task pose, under the name that people import."""

from posekit.models.yolo.detect.predict import DetectionPredictor


class PosePredictor(DetectionPredictor):
    """Predicts boxes and keypoints; ``model.predict(source, predictor=...)`` takes a subclass of it."""
