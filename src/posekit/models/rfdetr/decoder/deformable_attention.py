"""Deformable attention (Zhu et al. 2020, arXiv:2010.04159): a query reads the memory at a few points of its box."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample

from posekit.models.rfdetr.decoder.memory import Memory


class DeformableAttention(nn.Module):
    """Attention to `points` places per head, chosen by the query.

    Args:
        width: channels, D.
        heads: heads, h.
        points: points per head, P.
    """

    def __init__(self, width: int, heads: int, points: int) -> None:
        super().__init__()
        self.heads = heads
        self.points = points
        self.sampling_offsets = nn.Linear(width, heads * points * 2)
        self.attention_weights = nn.Linear(width, heads * points)
        self.value_proj = nn.Linear(width, width)
        self.output_proj = nn.Linear(width, width)

    def forward(self, queries: Tensor, boxes: Tensor, memory: Memory) -> Tensor:
        """Return (B, N, D).

        Args:
            queries: (B, N, D).
            boxes: (B, N, 4) centre x, centre y, width, height as fractions of the picture.
            memory: of the B pictures.
        """
        batch, count, width = queries.shape
        values = self.value_proj(memory.tokens).transpose(1, 2)
        maps = values.reshape(batch * self.heads, width // self.heads, *memory.grid)
        # Queries last: a sum over the few points then runs over long rows of memory.
        found = grid_sample(maps, self._places(queries, boxes), align_corners=False)  # (B * h, d, P, N)
        mixed = (found * self._shares(queries)).sum(2).view(batch, width, count)
        joined: Tensor = self.output_proj(mixed.transpose(1, 2))
        return joined

    def _places(self, queries: Tensor, boxes: Tensor) -> Tensor:
        """Return (B * h, P, N, 2) x, y from -1 at one edge of the picture to 1 at the other."""
        batch, count, _ = queries.shape
        offsets: Tensor = self.sampling_offsets(queries).view(batch, count, self.heads, self.points, 2)
        half = boxes[:, :, None, None, 2:] * (0.5 / self.points)
        places = 2 * (boxes[:, :, None, None, :2] + offsets * half) - 1
        return places.permute(0, 2, 3, 1, 4).flatten(0, 1)

    def _shares(self, queries: Tensor) -> Tensor:
        """Return (B * h, 1, P, N), the share of each point in its head."""
        batch, count, _ = queries.shape
        shares: Tensor = self.attention_weights(queries).view(batch, count, self.heads, self.points).softmax(-1)
        return shares.permute(0, 2, 3, 1).reshape(batch * self.heads, 1, self.points, count)

    @torch.no_grad()
    def set_initial(self) -> None:
        """Let the heads look in different directions, farther with each point, all points with the same share."""
        angles = torch.arange(self.heads) * (2 * math.pi / self.heads)
        directions = torch.stack((angles.cos(), angles.sin()), -1)
        directions = directions / directions.abs().amax(-1, keepdim=True)
        steps = torch.arange(1, self.points + 1)
        self.sampling_offsets.weight.zero_()
        self.sampling_offsets.bias.copy_((directions[:, None] * steps[:, None]).flatten())
        self.attention_weights.weight.zero_()
        self.attention_weights.bias.zero_()
        for project in (self.value_proj, self.output_proj):
            nn.init.xavier_uniform_(project.weight)
            project.bias.zero_()
