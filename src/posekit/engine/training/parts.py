"""What a training is put together from, for one batch size."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from posekit.checkpoint.training_state import TrainingState
from posekit.engine import distributed
from posekit.engine.callbacks import Callback
from posekit.engine.early_stop import EarlyStopping
from posekit.engine.training.batches import Share, TrainingBatches
from posekit.engine.training.epoch_validation import EpochValidation
from posekit.engine.training.keeper import restore
from posekit.engine.training.learner import Learner
from posekit.engine.training.resume import begun_choice
from posekit.engine.training.run import TrainingRun

# Where a run begins: with these weights, or behind an epoch of an interrupted run.
Start = dict[str, Tensor] | TrainingState


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """The parts of a training.

    Attributes:
        batches: what is learned from.
        learner: what learns.
        stopping: what ends a run that no longer gets better.
        validation: what measures.
    """

    batches: TrainingBatches
    learner: Learner
    stopping: EarlyStopping
    validation: EpochValidation


def make_parts(
    run: TrainingRun,
    device: torch.device,
    start: Start,
    *,
    batch: int,
    folder: Path,
    callbacks: Mapping[str, Sequence[Callback]],
    tell: Callable[[str], None],
) -> Parts:
    """Return the parts of a training, at its start.

    Args:
        run: the training.
        device: where to compute.
        start: where it begins.
        batch: pictures per batch, of all processes together.
        folder: of the run.
        callbacks: functions by event, for those of the validation.
        tell: calls the functions of an event, for those of the learner.

    Raises:
        CheckpointError: the interrupted run was of another network.
        SettingError: the last batch would be too small, or nothing is left to train.
    """
    share = Share(rank=distributed.rank(), count=distributed.world_size())
    batches = TrainingBatches(run, batch // share.count, share)
    choice = None
    if isinstance(start, TrainingState):
        choice = begun_choice(start, run.settings, len(run.model.names))
    else:
        run.model.network.load_state_dict(start)
    learner = Learner(run, device, batch=batch, batches=len(batches), choice=choice, tell=tell)
    stopping = EarlyStopping(run.settings.patience)
    if isinstance(start, TrainingState):
        restore(start, learner, stopping)
        learner.criterion.advance_to(start.epoch + 1, run.settings.epochs)
    validation = EpochValidation(
        run, learner, device, batch=2 * batch // share.count, folder=folder, callbacks=callbacks
    )
    return Parts(batches=batches, learner=learner, stopping=stopping, validation=validation)


def starting_weights(run: TrainingRun) -> Start:
    """Return copies of the weights that a new run begins with, in main memory."""
    return {name: tensor.detach().cpu().clone() for name, tensor in run.model.network.state_dict().items()}
