"""Keeps a training on disk, `last.pt` after every epoch and `best.pt`, and goes on with an interrupted one."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final

import torch
import yaml
from torch import Tensor, nn
from torch.optim import Optimizer

from posekit.augment.albumentations import stored_transforms
from posekit.checkpoint.checkpoint import read_checkpoint, save_checkpoint
from posekit.checkpoint.training_state import TrainingState, training_of, with_training
from posekit.config.read import build
from posekit.config.settings import AugmentationSettings, TrainSettings
from posekit.engine.learner import Learner
from posekit.engine.optimizer import LONG_RUN, OptimizerChoice, choose_optimizer
from posekit.engine.seeds import restore_own_random_state
from posekit.engine.stopping import EarlyStopping
from posekit.errors import CheckpointError, SettingError
from posekit.files.writing import write_whole
from posekit.log import LOGGER, one_line
from posekit.models.contract import Trainable

LONGEST_REASON: Final = 200  # letters of a message of PyTorch
# What may change when a run goes on; everything else is as it was begun.
CHANGEABLE: Final = frozenset(
    {
        "imgsz", "batch", "device", "save_period", "workers", "cache", "patience", "time", "freeze", "val", "plots",
        "channels_last", "data", "epochs", "verbose", *(field.name for field in fields(AugmentationSettings)),
    }
)  # fmt: skip


class Keeper:
    """Writes and reads the checkpoints of one training in a folder; `settings` are plain values."""

    def __init__(self, folder: Path, model: Trainable, settings: Mapping[str, Any]) -> None:
        self._folder = folder
        self._model = model
        self._settings = dict(settings)
        self.last = folder / "last.pt"
        self.best = folder / "best.pt"

    def save(
        self,
        epoch: int,
        learner: Learner,
        stopping: EarlyStopping,
        results: Sequence[Mapping[str, float]],
        metrics: Mapping[str, float],
        random: Mapping[str, Any],
        *,
        is_best: bool,
        extra: bool,
    ) -> None:
        """Write the state after an epoch (0-based); each file is replaced in one step.

        Raises:
            OutputError: a file cannot be written; the earlier ones are as they were.
        """
        learner.ema.repair(learner.network)
        ema = learner.ema.state_dict()
        state = TrainingState(
            epoch=epoch,
            model=_on_cpu(learner.network.state_dict()),
            ema=_on_cpu(ema["model"]),
            updates=ema["updates"],
            optimizer=learner.optimizer.state_dict(),
            scaler=learner.scaler.state_dict(),
            pending=learner.pending,
            gradients=pending_gradients(learner.network),
            random=dict(random),
            early_stop=stopping.state_dict(),
            results=[dict(row) for row in results],
        )
        plain = self._model.checkpoint(learner.ema.model, str(self.last), self._settings)
        plain = replace(plain, metrics={key: float(value) for key, value in metrics.items()})
        # `last.pt` at the end: whoever resumes from it finds the others at least as new, and makes them again.
        paths = [self._folder / f"epoch{epoch}.pt"] * extra + [self.best] * is_best + [self.last]
        for path in paths:
            save_checkpoint(path, with_training(replace(plain, path=str(path)), state))

    def finish(self) -> None:
        """Leave only the averaged weights in `best.pt` and `last.pt`, in 16 bits, and nothing to resume from."""
        for path in (self.best, self.last):  # in this order: until all is done, the run can be resumed from `last.pt`
            if path.is_file():
                checkpoint = read_checkpoint(path)
                save_checkpoint(path, replace(checkpoint, state=_halved(checkpoint.state), training={}))

    def load_best(self, network: nn.Module) -> None:
        """Load the best weights, or the last ones where no epoch was validated, into a network."""
        path = self.best if self.best.is_file() else self.last
        network.load_state_dict(read_checkpoint(path).state)

    def clear_leftovers(self) -> None:
        """Remove what a killed process has left half-written."""
        for path in self._folder.glob(".*.pt.*.tmp"):
            path.unlink(missing_ok=True)


def read_state(path: Path) -> TrainingState:
    """Return the state of the run that a checkpoint was written in.

    Raises:
        CheckpointError: the file is damaged, or of a finished run.
    """
    return training_of(read_checkpoint(path))


def restore(state: TrainingState, learner: Learner, stopping: EarlyStopping) -> None:
    """Put everything back to where a checkpoint was written.

    Raises:
        CheckpointError: the state is of another network or optimiser.
    """
    try:
        learner.network.load_state_dict(state.model)
    except RuntimeError as error:
        raise CheckpointError(
            f"the interrupted run trained another network: {one_line(error, LONGEST_REASON)}. "
            "Load the model from the checkpoint that is resumed"
        ) from error
    learner.ema.load_state_dict({"model": state.ema, "updates": state.updates})
    restore_optimizer(learner.optimizer, state.optimizer)
    if state.scaler:  # empty when the run went on without 16 bits so far
        learner.scaler.load_state_dict(dict(state.scaler))
    learner.pending = state.pending
    restore_gradients(learner.network, state.gradients)
    stopping.load_state_dict(state.early_stop)
    stopping.reach(state.epoch + 1)
    restore_own_random_state(state.random)


def pending_gradients(model: nn.Module) -> dict[str, Tensor]:
    """Return copies of the gradients that wait for a step, by parameter name."""
    return {
        name: parameter.grad.detach().clone()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }


def restore_gradients(model: nn.Module, gradients: Mapping[str, Tensor]) -> None:
    """Give gradients back to the parameters they belong to; all others have none then.

    Raises:
        CheckpointError: a gradient belongs to no parameter, or to one of another shape.
    """
    parameters = dict(model.named_parameters())
    for name, gradient in gradients.items():
        if name not in parameters or parameters[name].shape != gradient.shape:
            raise CheckpointError(
                f"the gradient of {name}, shape {tuple(gradient.shape)}, fits no parameter of this network"
            )
    for name, parameter in parameters.items():
        stored = gradients.get(name)
        parameter.grad = None if stored is None else stored.to(parameter, copy=True)


def restore_optimizer(optimizer: Optimizer, state: Mapping[str, Any]) -> None:
    """Load what ``optimizer.state_dict()`` gave, perhaps by way of a file; its tensors may be taken over uncopied.

    Raises:
        CheckpointError: the state is of another optimiser, or for other parameters.
    """
    try:
        _check_groups(optimizer.param_groups, state["param_groups"])
        optimizer.load_state_dict(dict(state))
        _check_shapes(optimizer)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise CheckpointError(
            f"the optimiser of the interrupted run does not fit this one: {error}. "
            "Resume with the optimizer, model and data that the run began with"
        ) from error


def _check_groups(own: list[dict[str, Any]], stored: list[dict[str, Any]]) -> None:
    found, expected = ([(group.get("name"), sorted(group)) for group in groups] for groups in (stored, own))
    if found != expected:
        raise ValueError(f"its parameter groups are {[name for name, _ in found]}, or are set up otherwise")


def _check_shapes(optimizer: Optimizer) -> None:
    for parameter, values in optimizer.state.items():
        for name, value in values.items():
            if isinstance(value, Tensor) and value.dim() > 0 and value.shape != parameter.shape:
                raise ValueError(f"{name} of shape {tuple(value.shape)} is for a parameter of {tuple(parameter.shape)}")


def _halved(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return floating tensors in 16 bits, but for those with values that are too large for that."""
    halves = {name: tensor.half() for name, tensor in state.items() if tensor.is_floating_point()}
    return {
        name: halves[name] if name in halves and torch.isfinite(halves[name]).all() else tensor
        for name, tensor in state.items()
    }


def _on_cpu(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu() for name, tensor in state.items()}


def resumed(
    settings: TrainSettings, given: Mapping[str, Any], model_path: str | None
) -> tuple[TrainSettings, Path | None]:
    """Return the settings of a run and the checkpoint to resume, None for a new run.

    `given` are those of the settings that the user gave; ``resume=True`` means `model_path`, the file of the model.

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
    known = {field.name for field in fields(TrainSettings)} - {"resume"}
    begun = {key: value for key, value in checkpoint.settings.items() if key in known}
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


def plain_settings(settings: TrainSettings) -> dict[str, Any]:
    """Return the settings as plain values, lists in place of tuples, for files and other processes."""
    values = {field.name: getattr(settings, field.name) for field in fields(settings)}
    values["augmentations"] = stored_transforms(values["augmentations"])
    return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}


def write_settings(settings: TrainSettings, folder: Path) -> None:
    """Write ``args.yaml`` into the folder of a run: the settings as the user left them, and the folder."""
    values = plain_settings(settings) | {"save_dir": str(folder)}
    write_whole(folder / "args.yaml", yaml.safe_dump(values, sort_keys=False).encode())
