"""The trainer of the task pose, under the name that people import."""

from typing import ClassVar

from posekit.models.yolo.detect.train import DetectionTrainer
from posekit.models.yolo.pose.val import PoseValidator


class PoseTrainer(DetectionTrainer):
    """Trains a pose network; see `DetectionTrainer`.

    Example:
        PoseTrainer(overrides={"model": "yolo26n-pose.pt", "data": "coco8-pose.yaml", "epochs": 3}).train()
    """

    task: ClassVar[str] = "pose"
    validator: ClassVar[type[PoseValidator]] = PoseValidator
