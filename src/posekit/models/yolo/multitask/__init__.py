"""The classes of the task multitask, under the names that people import."""

from posekit.tasks import MultitaskPredictor, MultitaskTrainer, MultitaskValidator

__all__ = ["MultitaskPredictor", "MultitaskTrainer", "MultitaskValidator"]
