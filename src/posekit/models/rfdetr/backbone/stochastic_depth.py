"""Stochastic depth: skips a residual branch for some pictures while training."""

import torch
from torch import Tensor


def skip_at_random(branch: Tensor, rate: float, pictures: int) -> Tensor:
    """Return a residual branch with that of some pictures set to 0, the others enlarged to keep the mean.

    Args:
        branch: (pictures * n, ...) with the n rows of a picture together.
        rate: share of pictures that skip the branch, 0 ... 1.
        pictures: how many there are.
    """
    kept = torch.rand(pictures, device=branch.device) >= rate
    factors = (kept.to(branch.dtype) / (1 - rate)).repeat_interleave(len(branch) // pictures)
    return branch * factors.view(-1, *[1] * (branch.ndim - 1))
