"""Gives an optimiser back what it knew when a run was interrupted."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from posekit.errors import CheckpointError


def restore_optimizer(optimizer: Optimizer, state: Mapping[str, Any]) -> None:
    """Load a state dict of an optimiser with the same groups.

    Args:
        optimizer: changed in place; it may take over the tensors of `state` without copying them.
        state: what ``optimizer.state_dict()`` gave, perhaps by way of a file.

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
