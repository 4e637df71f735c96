"""Validates the average of a training after an epoch."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from posekit.config.kinds import defaults_of
from posekit.config.settings import DetectionSettings, TrainSettings, ValSettings
from posekit.engine.callbacks import Callback
from posekit.engine.learner import Learner
from posekit.engine.training_run import TrainingRun
from posekit.engine.validation_run import ValidationRun
from posekit.engine.validator import Validator
from posekit.metrics.parts import kinds_of
from posekit.metrics.report import Metrics

DIGITS = 5  # of the numbers in result files


class EpochValidation:
    """Measures the average on the validation pictures, and computes its losses there.

    Args:
        run: the training.
        learner: what learns.
        device: where to compute.
        batch: pictures per batch.
        folder: where figures go.
        callbacks: functions by event, for those of the validation.
    """

    def __init__(
        self,
        run: TrainingRun,
        learner: Learner,
        device: torch.device,
        *,
        batch: int,
        folder: Path,
        callbacks: Mapping[str, Sequence[Callback]],
    ) -> None:
        self._run = run
        self._learner = learner
        self._device = device
        self._batch = batch
        self._folder = folder
        self._callbacks = callbacks
        self._room = max(int(defaults_of(DetectionSettings)["max_det"]), int(run.val.pictures.counts.max(initial=0)))

    def measure(self, network: nn.Module, *, plots: bool) -> tuple[Metrics, dict[str, float]]:
        """Return the metrics of a network, and its losses under their names in result files (``val/box_loss``)."""
        settings = val_settings(
            self._run.settings, batch=self._batch, max_det=self._room, plots=plots, folder=self._folder
        )
        model = self._run.model.validation(network, self._device, settings)
        validator = Validator(self._callbacks)
        validator.model, validator.criterion = model, self._learner.criterion
        metrics = validator.run(
            ValidationRun(
                settings=model.adapt(settings),
                split=self._run.val,
                sigmas=self._run.sigmas,
                base=self._folder.parent,
            )
        )
        losses = {f"val/{name}": round(value, DIGITS) for name, value in validator.losses.items()}
        return metrics, losses


def first_metrics(task: str, losses: Iterable[str]) -> dict[str, float]:
    """Return zeros for what a validation gives, metrics and losses in the order of result files."""
    keys = [key for kind in kinds_of(task) for key in kind.keys] + [f"val/{name}" for name in losses]
    return dict.fromkeys(keys, 0.0)


def val_settings(settings: TrainSettings, *, batch: int, max_det: int, plots: bool, folder: Path) -> ValSettings:
    """Return the settings of a validation within a training."""
    return ValSettings(
        imgsz=settings.imgsz,
        batch=batch,
        max_det=max_det,
        rect=True,
        plots=plots,
        name=folder.name,
        exist_ok=True,
        nms=settings.nms,
        single_cls=settings.single_cls,
        overlap_mask=settings.overlap_mask,
        workers=settings.workers,
        cache=settings.cache,
        classes=settings.classes,
        verbose=False,
    )
