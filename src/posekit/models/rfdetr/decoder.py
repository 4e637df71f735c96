"""The two stages after the backbone: choosing the best cells of the memory, and the decoder.

Boxes are centre x, centre y, width, height as fractions of the picture. D is the width of memory and queries, and
Q = groups * queries.
"""

import math
from functools import partial
from itertools import pairwise
from typing import Final, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample, linear, scaled_dot_product_attention

from posekit.models.rfdetr.architecture import Architecture

TEMPERATURE: Final = 10_000.0
AXES: Final = (1, 0, 2, 3)  # y before x, as in the published weights

SIDE: Final = 0.05  # of the box that each cell proposes
MARGIN: Final = 0.01  # cells with centres nearer to an edge propose nothing
LARGEST_WHOLE_GRID: Final = 49  # from 50 cells on, the outer centres lie in the margin


def move_boxes(change: Tensor, boxes: Tensor) -> Tensor:
    """Apply predicted changes to boxes (..., 4) in any unit; nothing is clipped.

    `change` (..., 4) is the shift of the centre in box sizes, and the logarithm of the growth of width and height.
    """
    centre = change[..., :2] * boxes[..., 2:] + boxes[..., :2]
    return torch.cat((centre, change[..., 2:].exp() * boxes[..., 2:]), -1)


def embed_boxes(boxes: Tensor, width: int) -> Tensor:
    """Return (..., 4 * width): for y, x, w, h of boxes (..., 4) sines and cosines by turns, short waves first."""
    phases = boxes[..., AXES, None] * frequencies(width, boxes.device)  # (..., 4, width / 2)
    return torch.stack((phases.sin(), phases.cos()), -1).flatten(-3)


def frequencies(width: int, device: torch.device) -> Tensor:
    """Return those of the waves of `embed_boxes`, (width / 2,), highest first."""
    exponents = torch.arange(width // 2, dtype=torch.float32, device=device) * 2 / width
    return 2 * math.pi / TEMPERATURE**exponents


class Memory(NamedTuple):
    """A feature map as a row of tokens.

    Attributes:
        tokens: (B, H * W, D), row by row.
        grid: (H, W).
    """

    tokens: Tensor
    grid: tuple[int, int]

    @classmethod
    def of(cls, maps: Tensor) -> "Memory":
        """Return the memory of a map (B, D, H, W)."""
        return cls(maps.flatten(2).transpose(1, 2), (maps.shape[2], maps.shape[3]))


class MLP(nn.Module):
    """Linear layers with ReLU between, of widths from input to output."""

    def __init__(self, *widths: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(inputs, outputs) for inputs, outputs in pairwise(widths))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (..., outputs) for tokens (..., inputs)."""
        for layer in self.layers[:-1]:
            tokens = layer(tokens).relu()
        made: Tensor = self.layers[-1](tokens)
        return made

    @torch.no_grad()
    def give_zero(self) -> None:
        """Let the last layer give 0, whatever comes in."""
        last = cast(nn.Linear, self.layers[-1])
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)


class DeformableAttention(nn.Module):
    """Attention to a few points of the memory per head, which the query chooses (Zhu et al. 2020, arXiv:2010.04159)."""

    def __init__(self, width: int, heads: int, points: int) -> None:
        super().__init__()
        self.heads = heads
        self.points = points
        self.sampling_offsets = nn.Linear(width, heads * points * 2)
        self.attention_weights = nn.Linear(width, heads * points)
        self.value_proj = nn.Linear(width, width)
        self.output_proj = nn.Linear(width, width)

    def forward(self, queries: Tensor, boxes: Tensor, memory: Memory) -> Tensor:
        """Return what queries (B, N, D) read around boxes (B, N, 4): (B, N, D)."""
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


class QueryAttention(nn.MultiheadAttention):
    """Self-attention whose queries and keys, but not values, know positions; queries and keys take one product."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__(width, heads, batch_first=True)

    def forward(self, placed: Tensor, values: Tensor, mask: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """Return (R, T, D) for tokens with and without their positions, (R, T, D) each.

        `mask` (T, T) bool is True where a token (row) may read another (column); None for everywhere.
        """
        both = 2 * self.embed_dim
        query, key = linear(placed, self.in_proj_weight[:both], self.in_proj_bias[:both]).chunk(2, -1)
        value = linear(values, self.in_proj_weight[both:], self.in_proj_bias[both:])
        query, key, value = (
            part.view(*part.shape[:2], self.num_heads, -1).transpose(1, 2) for part in (query, key, value)
        )
        mixed = scaled_dot_product_attention(query, key, value, attn_mask=mask)
        joined: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return joined


class DecoderLayer(nn.Module):
    """Post-norm: queries of one group attend to each other, then to the memory, then a small network follows."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width = architecture.width
        self.queries = architecture.queries
        self.self_attn = QueryAttention(width, architecture.heads)
        self.norm1 = nn.LayerNorm(width)
        self.cross_attn = DeformableAttention(width, architecture.cross_heads, architecture.points)
        self.norm2 = nn.LayerNorm(width)
        self.linear1 = nn.Linear(width, architecture.feedforward)
        self.linear2 = nn.Linear(architecture.feedforward, width)
        self.norm3 = nn.LayerNorm(width)

    def forward(self, queries: Tensor, positions: Tensor, boxes: Tensor, memory: Memory) -> Tensor:
        """Return queries (B, Q, D) after the layer, given their positions (B, Q, D) and boxes (B, Q, 4)."""
        values = queries.reshape(-1, self.queries, queries.shape[-1])  # groups do not see each other
        placed = (queries + positions).view(values.shape)
        queries = self.norm1(queries + self.self_attn(placed, values).view(queries.shape))
        queries = self.norm2(queries + self.cross_attn(queries + positions, boxes, memory))
        updated: Tensor = self.norm3(queries + self.linear2(self.linear1(queries).relu()))
        return updated


class Decoder(nn.Module):
    """Layers of one kind, and what they share."""

    def __init__(self, architecture: Architecture, layer: type[DecoderLayer] = DecoderLayer) -> None:
        super().__init__()
        width = architecture.width
        self.layers = nn.ModuleList(layer(architecture) for _ in range(architecture.decoder_layers))
        self.norm = nn.LayerNorm(width)
        self.ref_point_head = MLP(2 * width, width, width)
        self.embed = partial(embed_boxes, width=width // 2)

    def forward(self, queries: Tensor, boxes: Tensor, memory: Memory) -> list[Tensor]:
        """Return queries (B, Q, D) after each layer, before the shared `norm`; all layers look at boxes (B, Q, 4)."""
        positions = self.positions(boxes)
        states = []
        for layer in self.layers:
            queries = layer(queries, positions, boxes, memory)
            states.append(queries)
        return states

    def positions(self, boxes: Tensor) -> Tensor:
        """Return the positions (B, Q, D) of queries that look at boxes (B, Q, 4)."""
        made: Tensor = self.ref_point_head(self.embed(boxes))
        return made


def grid_proposals(grid: tuple[int, int], device: torch.device) -> Tensor:
    """Return square boxes (H * W, 4) around the centres of the cells of a grid (H, W)."""
    height, width = grid
    rows = (torch.arange(height, device=device, dtype=torch.float32) + 0.5) / height
    columns = (torch.arange(width, device=device, dtype=torch.float32) + 0.5) / width
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    side = torch.full_like(x, SIDE)
    return torch.stack((x, y, side, side), -1).view(-1, 4)


def inner_cells(proposals: Tensor) -> Tensor:
    """Return (S, 1) bool: whether the centre of a proposal (S, 4) lies well inside the picture."""
    return ((proposals > MARGIN) & (proposals < 1 - MARGIN)).all(-1, keepdim=True)


class Selected(NamedTuple):
    """The k best cells of each group, best first; groups one after the other, k = min(queries, cells).

    Attributes:
        tokens: (B, groups * k, D).
        logits: (B, groups * k, C) of classes.
        boxes: (B, groups * k, 4).
    """

    tokens: Tensor
    logits: Tensor
    boxes: Tensor


class Transformer(nn.Module):
    """Selection, for C class logits, and decoder."""

    def __init__(self, architecture: Architecture, class_rows: int, decoder: Decoder) -> None:
        super().__init__()
        width, groups = architecture.width, range(architecture.groups)
        self.queries = architecture.queries
        self.decoder = decoder
        self.enc_output = nn.ModuleList(nn.Linear(width, width) for _ in groups)
        self.enc_output_norm = nn.ModuleList(nn.LayerNorm(width) for _ in groups)
        self.enc_out_class_embed = nn.ModuleList(nn.Linear(width, class_rows) for _ in groups)
        self.enc_out_bbox_embed = nn.ModuleList(MLP(width, width, width, 4) for _ in groups)

    def select(self, memory: Memory, groups: int) -> Selected:
        """Return the best cells according to each of the first `groups` groups."""
        tokens, proposals = memory.tokens, grid_proposals(memory.grid, memory.tokens.device)
        if max(memory.grid) > LARGEST_WHOLE_GRID:
            inner = inner_cells(proposals)
            tokens, proposals = tokens * inner, proposals * inner
        chosen = [self._select(group, tokens, proposals) for group in range(groups)]
        return chosen[0] if groups == 1 else Selected(*(torch.cat(parts, 1) for parts in zip(*chosen, strict=True)))

    def _select(self, group: int, tokens: Tensor, proposals: Tensor) -> Selected:
        candidates = self.enc_output_norm[group](self.enc_output[group](tokens))
        logits = self.enc_out_class_embed[group](candidates)
        count = min(self.queries, logits.shape[1])
        best = logits.amax(-1).topk(count, 1).indices  # (B, k)
        kept = take_rows(candidates, best)
        boxes = move_boxes(self.enc_out_bbox_embed[group](kept), proposals[best])
        return Selected(kept, take_rows(logits, best), boxes)


def take_rows(tokens: Tensor, indices: Tensor) -> Tensor:
    """Return (B, k, D): for each picture the tokens (B, S, D) with the indices (B, k)."""
    return tokens.gather(1, indices[..., None].expand(-1, -1, tokens.shape[-1]))
