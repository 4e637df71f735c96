"""The trainer of the task multitask, under the name that people import."""

from typing import ClassVar

from posekit.models.yolo.detect.train import DetectionTrainer
from posekit.models.yolo.multitask.val import MultitaskValidator


class MultitaskTrainer(DetectionTrainer):
    """Trains a multitask network; see `DetectionTrainer`.

    Example:
        MultitaskTrainer(overrides={"model": "yolo11n-multitask.yaml", "data": "figures", "epochs": 3}).train()
    """

    task: ClassVar[str] = "multitask"
    validator: ClassVar[type[MultitaskValidator]] = MultitaskValidator
