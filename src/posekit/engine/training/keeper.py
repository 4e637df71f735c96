"""Keeps a training on disk: `last.pt` after every epoch, `best.pt`, and on request every n-th."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from posekit.checkpoint.contents import Checkpoint
from posekit.checkpoint.native import save_checkpoint
from posekit.checkpoint.read import read_checkpoint
from posekit.checkpoint.training_state import TrainingState, training_of, with_training
from posekit.engine.early_stop import EarlyStopping
from posekit.engine.optim.accumulation import pending_gradients, restore_gradients
from posekit.engine.optim.restore import restore_optimizer
from posekit.engine.training.learner import Learner
from posekit.engine.training.random_states import restore_own_random_state
from posekit.errors import CheckpointError
from posekit.log import one_line
from posekit.models.contract import TrainableModel

LONGEST_REASON = 200  # letters of a message of PyTorch


class Keeper:
    """Writes and reads the checkpoints of one training.

    Args:
        folder: ``weights`` in the run folder.
        model: makes the contents of files.
        settings: training settings, plain values.
    """

    def __init__(self, folder: Path, model: TrainableModel, settings: Mapping[str, Any]) -> None:
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
            pending=learner.accumulation.pending,
            gradients=pending_gradients(learner.network),
            random=dict(random),
            early_stop=stopping.state_dict(),
            results=[dict(row) for row in results],
        )
        plain = replace(self._contents(learner, self.last), metrics={k: float(v) for k, v in metrics.items()})
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

    def _contents(self, learner: Learner, path: Path) -> Checkpoint:
        return self._model.checkpoint(learner.ema.model, str(path), self._settings)


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
    _load(learner.network, state.model)
    learner.ema.load_state_dict({"model": state.ema, "updates": state.updates})
    restore_optimizer(learner.optimizer, state.optimizer)
    if state.scaler:  # empty when the run went on without 16 bits so far
        learner.scaler.load_state_dict(dict(state.scaler))
    learner.accumulation.pending = state.pending
    restore_gradients(learner.network, state.gradients)
    stopping.load_state_dict(state.early_stop)
    stopping.reach(state.epoch + 1)
    restore_own_random_state(state.random)


def _load(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise CheckpointError(
            f"the interrupted run trained another network: {one_line(str(error))[:LONGEST_REASON]}. "
            "Load the model from the checkpoint that is resumed"
        ) from error


def _halved(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return floating tensors in 16 bits, but for those with values that are too large for that."""
    halves = {name: tensor.half() for name, tensor in state.items() if tensor.is_floating_point()}
    return {
        name: halves[name] if name in halves and torch.isfinite(halves[name]).all() else tensor
        for name, tensor in state.items()
    }


def _on_cpu(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu() for name, tensor in state.items()}
