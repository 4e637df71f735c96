"""The classes of the task detect, under the names that people import."""

from posekit.tasks import DetectionPredictor, DetectionTrainer, DetectionValidator

__all__ = ["DetectionPredictor", "DetectionTrainer", "DetectionValidator"]
