"""The command ``posekit predict``."""

from posekit.cli.default_model import default_predictor
from posekit.cli.words import Command
from posekit.config.check import resolve
from posekit.config.predict import PredictSettings


def run_predict(command: Command) -> None:
    """Predict, and save drawn results unless ``save=False``.

    Settings are checked before the network is loaded, so that a typo costs no waiting.
    """
    given = resolve(PredictSettings, {**command.values, "cfg": command.settings.cfg})
    model_file = command.settings.model or default_predictor(command.settings.task)

    from posekit.api import YOLO

    model = YOLO(model_file, task=command.settings.task)
    for _ in model.predict(command.settings.source, stream=True, **({"save": True} | given)):
        pass  # results are saved and logged on the way; keeping none holds memory constant
