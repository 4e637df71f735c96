"""The predictor of the task detect, under the name that people import."""

from posekit.engine.predictor import Predictor


class DetectionPredictor(Predictor):
    """Predicts boxes; ``model.predict(source, predictor=...)`` takes a subclass of it."""
