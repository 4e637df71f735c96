"""A kept import path of MultitaskPredictor, MultitaskTrainer and MultitaskValidator; see `kept_paths`."""

from typing import TYPE_CHECKING

from posekit.models.yolo.kept_paths import keep_path

if TYPE_CHECKING:
    from posekit.tasks import MultitaskPredictor, MultitaskTrainer, MultitaskValidator

__all__ = ["MultitaskPredictor", "MultitaskTrainer", "MultitaskValidator"]
__getattr__ = keep_path(__name__, ("MultitaskPredictor", "MultitaskTrainer", "MultitaskValidator"))
