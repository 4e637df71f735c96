"""The command ``posekit train``."""

from posekit.cli.default_model import default_model
from posekit.cli.words import Command
from posekit.config.check import resolve
from posekit.config.train import TrainSettings


def run_train(command: Command) -> None:
    """Train, from a definition or from weights.

    Settings are checked before the network is loaded, so that a typo costs no waiting.

    Raises:
        KeyboardInterrupt: it was interrupted; where an epoch was finished, the text says how to go on.
    """
    given = resolve(TrainSettings, {**command.values, "cfg": command.settings.cfg})
    resume = given.get("resume")
    interrupted_run = resume if isinstance(resume, str) else None
    model_file = command.settings.model or interrupted_run or default_model(command.settings.task)

    from posekit.api import YOLO

    model = YOLO(model_file, task=command.settings.task)
    try:
        model.train(**given)
    except KeyboardInterrupt as interrupt:
        last = getattr(model.trainer, "last", None)
        if last is None or not last.is_file():
            raise
        raise KeyboardInterrupt(f"go on with: posekit train resume={last}") from interrupt
