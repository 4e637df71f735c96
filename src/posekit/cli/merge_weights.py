"""The command ``posekit merge_weights``."""

from posekit.cli.console import say_answer
from posekit.cli.words import Command
from posekit.config.check import build
from posekit.config.commands import MergeWeightsSettings


def run_merge_weights(command: Command) -> None:
    """Put a pose and a segment network together to a multitask network that training can begin with."""
    settings = build(MergeWeightsSettings, command.values)
    from posekit.checkpoint.native import save_checkpoint
    from posekit.models.opening import open_model
    from posekit.models.yolo.loading import contents_of
    from posekit.models.yolo.merge_weights import merge_weights

    merged = merge_weights(
        open_model(settings.kpt).loaded,
        open_model(settings.seg).loaded,
        body=settings.body,  # type: ignore[arg-type]  # one of the choices of the setting
    )
    save_checkpoint(settings.out, contents_of(merged, settings.out))
    say_answer(f"{settings.out} written; it is a start for training, not a finished network")
