"""RealNVP: the normalising flow that scores keypoint errors while YOLO26 trains."""

import math

import torch
from torch import Tensor, nn

LAYERS = 6


class RealNVP(nn.Module):
    """Density of 2-D residuals by six affine coupling layers (Dinh et al. 2017, arXiv:1605.08803)."""

    loc: Tensor
    cov: Tensor
    mask: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("loc", torch.zeros(2))
        self.register_buffer("cov", torch.eye(2))
        self.register_buffer("mask", torch.tensor([[0.0, 1.0], [1.0, 0.0]] * (LAYERS // 2)))
        self.s = nn.ModuleList(_coupling(nn.Tanh()) for _ in range(LAYERS))
        self.t = nn.ModuleList(_coupling() for _ in range(LAYERS))

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the log density (N,) of residuals (N, 2)."""
        z, log_det = x, torch.zeros_like(x[:, 0])
        for i in reversed(range(LAYERS)):
            mask = self.mask[i]
            fixed = mask * z
            s = self.s[i](fixed) * (1 - mask)
            t = self.t[i](fixed) * (1 - mask)
            z = (1 - mask) * (z - t) * torch.exp(-s) + fixed
            log_det = log_det - s.sum(1)
        return -0.5 * z.square().sum(1) - math.log(2 * math.pi) + log_det


def _coupling(*last: nn.Module) -> nn.Sequential:
    layers = [nn.Linear(2, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 2)]
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight, gain=0.01)
    return nn.Sequential(*layers, *last)
