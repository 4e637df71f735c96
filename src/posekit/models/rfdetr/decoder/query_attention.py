"""Self-attention of the decoder, with the packed parameters of the published files."""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention


class QueryAttention(nn.Module):
    """Multi-head self-attention whose queries and keys, but not values, know positions.

    Args:
        width: channels, D.
        heads: heads.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.width = width
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, placed: Tensor, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (R, T, D).

        Args:
            placed: (R, T, D) tokens with their positions, for queries and keys.
            values: (R, T, D) tokens without.
            mask: (T, T) bool, True where a token (row) may read another (column); None for everywhere.
        """
        both = 2 * self.width
        query, key = linear(placed, self.in_proj_weight[:both], self.in_proj_bias[:both]).chunk(2, -1)
        value = linear(values, self.in_proj_weight[both:], self.in_proj_bias[both:])
        query, key, value = (part.view(*part.shape[:2], self.heads, -1).transpose(1, 2) for part in (query, key, value))
        mixed = scaled_dot_product_attention(query, key, value, attn_mask=mask)
        joined: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return joined
