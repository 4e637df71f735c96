"""One block of DINOv2: attention and a small network, each on a scaled residual branch."""

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from posekit.models.rfdetr.backbone.attention import Attention
from posekit.models.rfdetr.backbone.stochastic_depth import skip_at_random

EPS = 1e-6


class LayerScale(nn.Module):
    """Adds a residual branch with a learned factor per channel.

    Args:
        width: channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.lambda1 = nn.Parameter(torch.ones(width))

    def forward(self, tokens: Tensor, branch: Tensor) -> Tensor:
        """Return tokens (..., C) plus the scaled branch (..., C), in one pass over memory."""
        return torch.addcmul(tokens, branch, self.lambda1)


class TokenNetwork(nn.Module):
    """Two linear layers with exact GELU between.

    Args:
        width: channels; four times as many between the layers.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (..., C)."""
        made: Tensor = self.fc2(gelu(self.fc1(tokens)))
        return made


class Block(nn.Module):
    """Pre-norm transformer block whose attention stays inside windows, or reaches over all of a picture.

    Args:
        width: channels.
        heads: heads of attention.
        windows: rows of a picture.
        is_global: whether the rows of a picture attend to each other.
    """

    def __init__(self, width: int, heads: int, *, windows: int, is_global: bool) -> None:
        super().__init__()
        self.windows = windows
        self.is_global = is_global
        self.skip_rate = 0.0
        self.norm1 = nn.LayerNorm(width, eps=EPS)
        self.attention = Attention(width, heads)
        self.layer_scale1 = LayerScale(width)
        self.norm2 = nn.LayerNorm(width, eps=EPS)
        self.mlp = TokenNetwork(width)
        self.layer_scale2 = LayerScale(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (B * windows, T, C) for tokens of the same shape."""
        tokens = self.layer_scale1(tokens, self._skipping(self._attend(self.norm1(tokens))))
        scaled: Tensor = self.layer_scale2(tokens, self._skipping(self.mlp(self.norm2(tokens))))
        return scaled

    def _attend(self, tokens: Tensor) -> Tensor:
        if not self.is_global:
            within: Tensor = self.attention(tokens)
            return within
        rows, count, width = tokens.shape
        across: Tensor = self.attention(tokens.view(rows // self.windows, self.windows * count, width))
        return across.view(rows, count, width)

    def _skipping(self, branch: Tensor) -> Tensor:
        if not (self.training and self.skip_rate):
            return branch
        return skip_at_random(branch, self.skip_rate, len(branch) // self.windows)
