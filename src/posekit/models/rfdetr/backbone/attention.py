"""Softmax attention of the backbone, with the parameter names of DINOv2."""

from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class Projections(nn.Module):
    """Query, key and value.

    Args:
        width: channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)


class OutputProjection(nn.Module):
    """What follows attention.

    Args:
        width: channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)


class Attention(nn.Module):
    """Multi-head self-attention of each row.

    Args:
        width: channels.
        heads: heads; each has width / heads channels.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention = Projections(width)
        self.output = OutputProjection(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (R, T, C) for tokens (R, T, C)."""
        query, key, value = (
            project(tokens).view(*tokens.shape[:2], self.heads, -1).transpose(1, 2)
            for project in (self.attention.query, self.attention.key, self.attention.value)
        )
        mixed = scaled_dot_product_attention(query, key, value)
        joined: Tensor = self.output.dense(mixed.transpose(1, 2).flatten(2))
        return joined
