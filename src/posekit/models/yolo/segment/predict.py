"""The predictor of the task segment, under the name that people import."""

from posekit.models.yolo.detect.predict import DetectionPredictor


class SegmentationPredictor(DetectionPredictor):
    """Predicts boxes and masks; ``model.predict(source, predictor=...)`` takes a subclass of it."""
