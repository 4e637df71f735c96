"""One step of the optimiser: unscale the gradients, clip them, move the weights."""

from typing import Final

from torch import Tensor
from torch.amp.grad_scaler import GradScaler
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer

MAX_NORM: Final = 10.0  # of all gradients together


def take_step(optimizer: Optimizer, scaler: GradScaler) -> Tensor:
    """Move the parameters by their gradients, which stay for the caller to drop.

    Args:
        optimizer: its parameters hold the gradients of the scaled loss.
        scaler: scales losses for float16; switched off, it does nothing.

    Returns:
        The norm of all gradients before clipping, a scalar.
    """
    scaler.unscale_(optimizer)
    norm = clip_grad_norm_(
        [parameter for group in optimizer.param_groups for parameter in group["params"]], max_norm=MAX_NORM
    )
    scaler.step(optimizer)
    scaler.update()
    return norm
