"""TensorBoard, Weights & Biases and MLflow: trainings are logged to those that the user has switched on."""

from posekit.engine.loggers.switched_on import open_loggers

__all__ = ["open_loggers"]
