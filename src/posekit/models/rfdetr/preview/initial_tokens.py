"""The keypoint tokens that a query begins with."""

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm


class InitialTokens(nn.Module):
    """One learned token per keypoint, modulated by the query (Peebles & Xie 2022, arXiv:2212.09748, section 3.2).

    Args:
        width: channels, D.
        count: keypoints of all classes, K.
    """

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.empty(count, width))
        self.adaLN_modulation = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, 3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.normal_(self.queries, std=0.02)

    def forward(self, queries: Tensor) -> Tensor:
        """Return (B, Q, K, D) for queries (B, Q, D)."""
        scale, shift, gate = self.adaLN_modulation(queries)[:, :, None].chunk(3, -1)
        normed = layer_norm(self.queries, self.queries.shape[-1:])
        tokens: Tensor = self.out_proj((1 + scale) * normed + shift) * gate + self.queries
        return tokens
