"""The moving average of a network's weights, which is what is validated and kept."""

from collections.abc import Iterable, Mapping
from copy import copy, deepcopy
from math import exp
from typing import Any, Final

import torch
from torch import Tensor, nn

from posekit.errors import CheckpointError

DECAY: Final = 0.9999
RAMP: Final = 2000.0  # updates until the average is about as slow as it gets


def ema_decay(update: int, decay: float = DECAY, ramp: float = RAMP) -> float:
    """Return the share of the old average that the n-th update (1-based) keeps: young averages forget fast."""
    return decay * (1 - exp(-update / ramp))


class ModelEma:
    """Exponential moving average of every floating tensor of a network, statistics of batch norms included.

    Whole-number tensors (the counters of batch norms) stay as they were when the average began.

    Args:
        model: the network, not wrapped; it is copied.
        decay: share of the old average that late updates keep.
        ramp: updates over which that share grows.

    Attributes:
        model: the average as a network, in evaluation mode and without gradients; floating tensors are float32.
        updates: how many updates it has seen.
    """

    def __init__(self, model: nn.Module, decay: float = DECAY, ramp: float = RAMP) -> None:
        self.model = deepcopy(model).eval().requires_grad_(False).float()
        self.updates = 0
        self._decay, self._ramp = decay, ramp

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move the average towards the weights of a network of the same shape."""
        self.updates += 1
        kept = ema_decay(self.updates, self._decay, self._ramp)
        source = model.state_dict()
        averages = {name: tensor for name, tensor in self.model.state_dict().items() if tensor.is_floating_point()}
        torch._foreach_mul_(list(averages.values()), kept)
        torch._foreach_add_(
            list(averages.values()), [source[name].detach().float() for name in averages], alpha=1 - kept
        )

    def copy_attributes(self, model: nn.Module, names: Iterable[str]) -> None:
        """Copy plain attributes, such as class names, that may have changed since the average began."""
        for name in names:
            setattr(self.model, name, copy(getattr(model, name)))

    @torch.no_grad()
    def repair(self, model: nn.Module) -> list[str]:
        """Replace averages that are not finite by the weights of the network; return their names."""
        source, broken = model.state_dict(), []
        for name, tensor in self.model.state_dict().items():
            if tensor.is_floating_point() and not torch.isfinite(tensor).all():
                tensor.copy_(source[name])
                broken.append(name)
        return broken

    def state_dict(self) -> dict[str, Any]:
        """Return ``updates`` and ``model``, the tensors by name; not copies."""
        return {"updates": self.updates, "model": self.model.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave.

        Raises:
            CheckpointError: the tensors are those of another network.
        """
        tensors: Mapping[str, Tensor] = state["model"]
        try:
            self.model.load_state_dict(tensors)
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise CheckpointError(f"the averaged weights belong to another network: {reason}") from error
        self.updates = int(state["updates"])
