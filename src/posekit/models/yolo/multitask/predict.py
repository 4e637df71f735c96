"""The predictor of the task multitask, under the name that people import."""

from posekit.models.yolo.detect.predict import DetectionPredictor


class MultitaskPredictor(DetectionPredictor):
    """Predicts boxes, masks and keypoints; ``model.predict(source, predictor=...)`` takes a subclass of it."""
