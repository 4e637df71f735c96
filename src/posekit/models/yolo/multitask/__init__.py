"""The classes of the task multitask, under the names that people import."""

from posekit.models.yolo.multitask.predict import MultitaskPredictor
from posekit.models.yolo.multitask.train import MultitaskTrainer
from posekit.models.yolo.multitask.val import MultitaskValidator

__all__ = ["MultitaskPredictor", "MultitaskTrainer", "MultitaskValidator"]
