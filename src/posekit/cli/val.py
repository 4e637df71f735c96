"""The command ``posekit val``."""

from posekit.cli.default_model import default_model
from posekit.cli.words import Command
from posekit.config.check import resolve
from posekit.config.val import ValSettings


def run_val(command: Command) -> None:
    """Validate a model and print its table.

    Settings are checked before the network is loaded, so that a typo costs no waiting.
    """
    given = resolve(ValSettings, {**command.values, "cfg": command.settings.cfg})
    model_file = command.settings.model or default_model(command.settings.task)

    from posekit.api import YOLO

    YOLO(model_file, task=command.settings.task).val(**given)
