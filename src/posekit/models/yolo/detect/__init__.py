"""The classes of the task detect, under the names that people import."""

from posekit.models.yolo.detect.predict import DetectionPredictor
from posekit.models.yolo.detect.train import DetectionTrainer
from posekit.models.yolo.detect.val import DetectionValidator

__all__ = ["DetectionPredictor", "DetectionTrainer", "DetectionValidator"]
