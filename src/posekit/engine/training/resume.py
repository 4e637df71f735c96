"""Which settings an interrupted run goes on with."""

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final

from posekit.checkpoint.read import read_checkpoint
from posekit.checkpoint.training_state import TrainingState, training_of
from posekit.config.augmentation import AugmentationSettings
from posekit.config.check import build
from posekit.config.train import TrainSettings
from posekit.engine.optim.choice import LONG_RUN, OptimizerChoice, choose_optimizer
from posekit.errors import SettingError
from posekit.log import LOGGER

# What may change when a run goes on; everything else is as it was begun.
CHANGEABLE: Final = frozenset(
    {
        "imgsz", "batch", "device", "save_period", "workers", "cache", "patience", "time", "freeze", "val", "plots",
        "channels_last", "data", "epochs", "verbose", *(field.name for field in fields(AugmentationSettings)),
    }
)  # fmt: skip


def resumed(
    settings: TrainSettings, given: Mapping[str, Any], model_path: str | None
) -> tuple[TrainSettings, Path | None]:
    """Return the settings of a run and the checkpoint to resume, None for a new run.

    Args:
        settings: all settings of the call.
        given: those that the user gave.
        model_path: file that the model was loaded from, which ``resume=True`` means.

    Raises:
        SettingError: there is nothing to resume from.
        CheckpointError: the file is no checkpoint of an interrupted run.
    """
    if not settings.resume:
        return settings, None
    path = Path(settings.resume) if isinstance(settings.resume, str) else Path(model_path or "")
    if not path.is_file():
        raise SettingError("resume=True: load the model from weights/last.pt of the interrupted run, or name that file")
    checkpoint = read_checkpoint(path)
    if not checkpoint.training:
        if isinstance(settings.resume, str):
            raise SettingError(f"resume={path}: this run was finished, or the file was not written by a training")
        LOGGER.warning("resume=True: %s is of a finished run: starting a new one", path)
        return replace(settings, resume=False), None
    begun = _begun(checkpoint.settings)
    changed = {key: getattr(settings, key) for key in given if key in CHANGEABLE}
    settings = build(TrainSettings, begun | changed)
    ignored = [key for key in given if key in begun.keys() - CHANGEABLE and given[key] != begun[key]]
    if ignored:
        LOGGER.warning("resume=True does not change %s: the run goes on as it began", ", ".join(ignored))
    done = training_of(checkpoint).epoch + 1
    if settings.time is None and settings.epochs < done:
        raise SettingError(
            f"epochs={settings.epochs}: {path} has {done} epochs behind it already; name a larger number"
        )
    return settings, path


def begun_choice(state: TrainingState, settings: TrainSettings, classes: int) -> OptimizerChoice:
    """Return the optimiser of an interrupted run: ``auto`` may choose another one when `epochs` or `batch` change."""
    moved_by_muon = any("muon" in group for group in state.optimizer["param_groups"])
    return choose_optimizer(settings, classes=classes, iterations=LONG_RUN + 1 if moved_by_muon else 0)


def _begun(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a run began with."""
    known = {field.name for field in fields(TrainSettings)} - {"resume"}
    return {key: value for key, value in stored.items() if key in known}
