"""The classes of the task pose, under the names that people import."""

from posekit.models.yolo.pose.predict import PosePredictor
from posekit.models.yolo.pose.train import PoseTrainer
from posekit.models.yolo.pose.val import PoseValidator

__all__ = ["PosePredictor", "PoseTrainer", "PoseValidator"]
