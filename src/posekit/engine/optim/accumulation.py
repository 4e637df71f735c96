"""Gradient accumulation: small batches add up to the nominal batch before the weights move."""

from collections.abc import Mapping

from torch import Tensor, nn

from posekit.errors import CheckpointError


def nominal_accumulation(batch: int, nbs: int) -> int:
    """Return how many batches make one step: the nominal batch size over the real one, rounded, at least 1."""
    return max(round(nbs / batch), 1)


def effective_weight_decay(weight_decay: float, *, batch: int, nbs: int) -> float:
    """Return the weight decay for the number of pictures that one step really sees."""
    return weight_decay * batch * nominal_accumulation(batch, nbs) / nbs


class Accumulation:
    """Counts the batches since the last step, across epochs.

    Attributes:
        pending: batches whose gradients are waiting for a step.
    """

    def __init__(self, pending: int = 0) -> None:
        self.pending = pending

    def is_due(self, wanted: int) -> bool:
        """Count one more batch; return whether its gradients complete a step of `wanted` batches."""
        self.pending += 1
        if self.pending < wanted:
            return False
        self.pending = 0
        return True


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
