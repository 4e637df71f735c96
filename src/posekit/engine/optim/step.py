"""One step of the optimiser: unscale the gradients, clip them, move the weights."""

from torch import Tensor
from torch.amp.grad_scaler import GradScaler
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer


def take_step(optimizer: Optimizer, scaler: GradScaler, max_norm: float) -> Tensor:
    """Move the parameters by their gradients, which stay for the caller to drop.

    Args:
        optimizer: its parameters hold the gradients of the scaled loss.
        scaler: scales losses for float16; switched off, it does nothing.
        max_norm: of all gradients together; larger ones are shortened to it.

    Returns:
        The norm of all gradients before clipping, a scalar.
    """
    scaler.unscale_(optimizer)
    norm = clip_grad_norm_(
        [parameter for group in optimizer.param_groups for parameter in group["params"]], max_norm=max_norm
    )
    scaler.step(optimizer)
    scaler.update()
    return norm
