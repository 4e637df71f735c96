"""The classes of the task pose, under the names that people import."""

from posekit.tasks import PosePredictor, PoseTrainer, PoseValidator

__all__ = ["PosePredictor", "PoseTrainer", "PoseValidator"]
