"""What a resumable checkpoint holds besides the averaged weights, and how it is checked.

`Checkpoint.state` holds the averaged weights; `Checkpoint.training` the version of this layout and the other fields of
`TrainingState`, its results by column. Plain containers and tensors in full precision throughout, so that a resumed
run continues bit for bit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Final

from posekit.checkpoint.record import Checkpoint
from posekit.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor


LAYOUT: Final = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingState:
    """A run between two epochs.

    Attributes:
        epoch: the last finished epoch, 0-based.
        model: weights and buffers of the network by name.
        ema: the same of the average.
        updates: updates of the average.
        optimizer: state dict of the optimiser.
        scaler: state dict of the gradient scaler; empty without.
        pending: batches since the last step of the optimiser.
        gradients: gradients of these batches by parameter name.
        random: state of all random-number generators.
        sampler: state of the order of pictures.
        early_stop: state dict of early stopping.
        results: rows of the results so far, values by column.
    """

    epoch: int
    model: "dict[str, Tensor]"
    ema: "dict[str, Tensor]"
    updates: int
    optimizer: dict[str, Any]
    scaler: dict[str, Any] = field(default_factory=dict)
    pending: int = 0
    gradients: "dict[str, Tensor]" = field(default_factory=dict)
    random: dict[str, Any] = field(default_factory=dict)
    sampler: dict[str, Any] = field(default_factory=dict)
    early_stop: dict[str, Any] = field(default_factory=dict)
    results: list[dict[str, float]] = field(default_factory=list)


_KINDS: Final[dict[str, type]] = {"layout": int} | {
    entry.name: int if entry.type is int else dict for entry in fields(TrainingState) if entry.name != "ema"
}


def with_training(checkpoint: Checkpoint, training: TrainingState) -> Checkpoint:
    """Return a checkpoint that a run can be resumed from: its weights are the average.

    Raises:
        CheckpointError: the parts contradict each other.
    """
    packed: dict[str, Any] = {"layout": LAYOUT} | {name: getattr(training, name) for name in _KINDS if name != "layout"}
    packed |= {"model": dict(training.model), "gradients": dict(training.gradients)}
    packed["results"] = _columns(training.results)
    filled = replace(checkpoint, state=dict(training.ema), training=packed)
    problem = _problem(filled)
    if problem:
        raise CheckpointError(f"{checkpoint.path}: nobody could resume the run from this checkpoint: {problem}")
    return filled


def training_of(checkpoint: Checkpoint) -> TrainingState:
    """Return the state of the run that a checkpoint was written in.

    Raises:
        CheckpointError: it holds no such state, or one that lacks or contradicts something.
    """
    if not checkpoint.training:
        raise CheckpointError(
            f"{checkpoint.path}: no run can be resumed from this file: it holds weights only, as the files of finished "
            "runs and of other software do. Resume from weights/last.pt of the interrupted run, or start a new run "
            "from these weights with model=FILE"
        )
    problem = _problem(checkpoint)
    if problem:
        raise CheckpointError(
            f"{checkpoint.path}: no run can be resumed from this file: {problem}. Take another checkpoint of the run"
        )
    entries = dict(checkpoint.training)
    del entries["layout"]
    entries["results"] = _rows(entries["results"], entries["epoch"] + 1)
    return TrainingState(ema=dict(checkpoint.state), **entries)


def _problem(checkpoint: Checkpoint) -> str | None:
    return _kind_problem(checkpoint.training) or _contradiction(checkpoint.training, checkpoint.state)


def _kind_problem(training: Mapping[str, Any]) -> str | None:
    for name, kind in _KINDS.items():
        if name not in training:
            return f"its training state lacks '{name}'"
        if type(training[name]) is not kind:
            return f"'{name}' of its training state is {type(training[name]).__name__} instead of {kind.__name__}"
    if training["layout"] != LAYOUT:
        return f"its training state has layout {training['layout']}, this posekit reads {LAYOUT}"
    if training.keys() > _KINDS.keys():
        return f"its training state has unknown entries: {', '.join(sorted(training.keys() - _KINDS.keys()))}"
    return None


def _contradiction(training: Mapping[str, Any], ema: "Mapping[str, Tensor]") -> str | None:
    epoch, updates, pending = training["epoch"], training["updates"], training["pending"]
    if min(epoch, updates, pending) < 0:
        return f"epoch {epoch}, updates {updates} and pending {pending} cannot be below 0"
    if _shapes(training["model"]) != _shapes(ema):
        return "the weights and their average belong to different networks"
    model, gradients = _shapes(training["model"]), _shapes(training["gradients"])
    if any(model.get(name) != shape for name, shape in gradients.items()):
        return "its gradients belong to another network than its weights"
    if (pending > 0) != (len(gradients) > 0):
        return f"{pending} batches are pending, with {len(gradients)} gradients"
    return _optimizer_problem(training["optimizer"]) or _results_problem(training["results"], epoch + 1)


def _optimizer_problem(optimizer: Mapping[str, Any]) -> str | None:
    groups, state = optimizer.get("param_groups"), optimizer.get("state")
    if not isinstance(groups, list) or not isinstance(state, dict):
        return "its optimiser has no 'param_groups' or no 'state'"
    members: set[int] = set()
    for group in groups:
        indices = group.get("params") if isinstance(group, dict) else None
        if not isinstance(indices, list) or not all(type(index) is int for index in indices):
            return "a group of its optimiser does not list its parameters"
        members.update(indices)
    if not state.keys() <= members:
        return "its optimiser has a state for parameters that are in none of its groups"
    return None


def _results_problem(results: Mapping[str, Any], epochs: int) -> str | None:
    lengths = {len(column) if isinstance(column, list) else -1 for column in results.values()}
    if lengths - {epochs}:
        return f"its results have columns of {sorted(lengths)} values for {epochs} epochs"
    return None


def _shapes(tensors: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(getattr(tensor, "shape", (-1,))) for name, tensor in tensors.items()}


def _columns(rows: list[dict[str, float]]) -> dict[str, list[float | None]]:
    """Return one list per column, None where a row lacks it."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _rows(columns: Mapping[str, list[float | None]], count: int) -> list[dict[str, float]]:
    rows: list[dict[str, float]] = [{} for _ in range(count)] if columns else []
    for name, column in columns.items():
        for row, value in zip(rows, column, strict=True):
            if value is not None:
                row[name] = value
    return rows
