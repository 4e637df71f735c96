"""Parts of RF-DETR networks, written so that other runtimes can run them; they take over the trained layers.

They give what the trained parts give, to rounding. Some are for all formats: what does not depend on the picture is a
constant, and no tensor of the backbone has more than four axes. Others are for formats whose runtimes lack something
(see `Dialect`).

With 16 bits, places, boxes and what is read off at the end stay in 32: a picture has more pixels than 16 bits tell
apart.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, grid_sample, scaled_dot_product_attention

from posekit.models.rfdetr.backbone import (
    Attention,
    Backbone,
    Block,
    DualBackbone,
    WindowedDinoV2,
    fit_position_table,
)
from posekit.models.rfdetr.decoder import (
    AXES,
    LARGEST_WHOLE_GRID,
    DeformableAttention,
    Memory,
    Selected,
    Transformer,
    frequencies,
    grid_proposals,
    inner_cells,
    move_boxes,
    take_rows,
)
from posekit.models.rfdetr.preview import KeypointTransformer

BETTER = 1e30  # times any difference of two scores that 32 bits tell apart is 1 or more, or 0


def as_type(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Return values in a dtype; a graph shows nothing where they have it already."""
    return values if values.dtype == dtype else values.to(dtype)


class Wide(nn.Module):
    """A part that computes in 32 bits, whatever comes in."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part

    def forward(self, values: Tensor) -> Tensor:
        """Return what the part gives, in 32 bits."""
        made: Tensor = self.part(as_type(values, torch.float32))
        return made


class Narrow(nn.Module):
    """A part that computes in 32 bits, and gives 16."""

    like: Tensor

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part
        # In a buffer, as writers that round weights themselves widen the whole module first.
        self.register_buffer("like", torch.zeros((), dtype=torch.float16))

    def forward(self, values: Tensor) -> Tensor:
        """Return what the part gives, in 16 bits."""
        return as_type(self.part(values), self.like.dtype)


class FlatBlock(nn.Module):
    """A block of the backbone, for the tokens of all windows as one row.

    Args:
        trained: the block.
        as_batch: windows attend as a batch; else one after the other.
    """

    def __init__(self, trained: Block, *, as_batch: bool) -> None:
        super().__init__()
        self.windows = 1 if trained.is_global else trained.windows
        self.as_batch = as_batch
        self.norm1, self.norm2 = trained.norm1, trained.norm2
        self.attention: Attention = trained.attention
        self.fc1, self.fc2 = trained.mlp["fc1"], trained.mlp["fc2"]
        self.scale1, self.scale2 = trained.layer_scale1.lambda1, trained.layer_scale2.lambda1

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (B, windows * T, C) for tokens of the same shape."""
        tokens = tokens + self._attended(self.norm1(tokens)) * self.scale1
        updated: Tensor = tokens + self.fc2(gelu(self.fc1(self.norm2(tokens)))) * self.scale2
        return updated

    def _attended(self, tokens: Tensor) -> Tensor:
        """See `Attention`, for each window; what every token does alone is done once for all."""
        count, width = tokens.shape[1] // self.windows, tokens.shape[2]
        parts = [project(tokens) for project in self.attention.attention.values()]
        if self.as_batch:
            mixed = self._mixed([part.reshape(-1, count, width) for part in parts]).reshape(tokens.shape)
        else:
            starts = range(0, self.windows * count, count)
            windows = [self._mixed([part[:, start : start + count] for part in parts]) for start in starts]
            mixed = windows[0] if self.windows == 1 else torch.cat(windows, 1)
        joined: Tensor = self.attention.output["dense"](mixed)
        return joined

    def _mixed(self, parts: list[Tensor]) -> Tensor:
        """Return what queries, keys and values (R, T, C) of windows make, (R, T, C)."""
        heads = self.attention.heads
        query, key, value = (part.view(*part.shape[:2], heads, -1).transpose(1, 2) for part in parts)
        return scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)


class FlatBackbone(nn.Module):
    """The backbone for inputs of one size.

    Args:
        trained: the backbone.
        grid: (H, W) patches of the input.
        batches: whether there may be several pictures.
    """

    def __init__(self, trained: Backbone, grid: tuple[int, int], *, batches: bool) -> None:
        super().__init__()
        encoder = cast(WindowedDinoV2, trained.encoder["encoder"])
        embeddings, blocks = encoder.embeddings, cast(nn.ModuleList, encoder.encoder["layer"])
        table = fit_position_table(embeddings.position_embeddings.detach(), grid)
        self.side = encoder.windows
        self.window = (grid[0] // self.side, grid[1] // self.side)
        self.taps = encoder.taps
        self.batches = batches
        self.projection = embeddings.patch_embeddings["projection"]
        # Not buffers: with 16 bits they become narrow like the weights that they are.
        self.positions = nn.Parameter(table[:, 1:].transpose(1, 2).reshape(1, -1, *grid).contiguous())
        self.first = nn.Parameter(embeddings.cls_token.detach() + table[:, :1])
        made = [FlatBlock(cast(Block, block), as_batch=batches) for block in blocks[: self.taps[-1]]]
        self.blocks = nn.ModuleList(made)
        self.layernorm = encoder.layernorm
        self.projector = trained.projector
        if isinstance(trained, DualBackbone):
            self.cross_attn_projector = trained.cross_attn_projector

    def forward(self, images: Tensor) -> Tensor:
        """See `Backbone`."""
        memory: Tensor = self.projector(self.joined_maps(images))
        return memory

    def both(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """See `DualBackbone`."""
        maps = self.joined_maps(images)
        return self.projector(maps), self.cross_attn_projector(maps)

    def joined_maps(self, images: Tensor) -> Tensor:
        """Return the maps of all taps, (B, taps * C, H / p, W / p), for normalised images (B, 3, H, W)."""
        tokens = self._tokens(as_type(images, self.first.dtype))
        maps = []
        for count, block in enumerate(self.blocks, start=1):
            tokens = block(tokens)
            if count in self.taps:
                maps.append(self.layernorm(self._joined(tokens)))
        return torch.cat(maps, 3).permute(0, 3, 1, 2)

    def _tokens(self, images: Tensor) -> Tensor:
        """Return (B, w * w * (1 + T), C): the tokens of all windows, each behind its class token."""
        patches = self.projection(images) + self.positions
        first = self.first.expand(images.shape[0], -1, -1) if self.batches else self.first
        height, width = self.window
        parts = []
        for top in range(0, self.side * height, height):
            for left in range(0, self.side * width, width):
                window = patches[:, :, top : top + height, left : left + width]
                parts += [first, window.flatten(2).transpose(1, 2)]
        return torch.cat(parts, 1)

    def _joined(self, tokens: Tensor) -> Tensor:
        """Return the map (B, H / p, W / p, C) of the tokens of all windows, without class tokens."""
        height, width = self.window
        count = 1 + height * width
        starts = range(1, self.side**2 * count, count)
        windows = [tokens[:, start : start + count - 1].reshape(-1, height, width, tokens.shape[2]) for start in starts]
        rows = [torch.cat(windows[first : first + self.side], 2) for first in range(0, len(windows), self.side)]
        return torch.cat(rows, 1)


class FlatWaves(nn.Module):
    """`embed_boxes`, one side of the boxes after the other."""

    frequencies: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("frequencies", frequencies(width, torch.device("cpu")))

    def forward(self, boxes: Tensor) -> Tensor:
        """Return (B, Q, 4 * width) for boxes (B, Q, 4)."""
        waves = []
        for axis in AXES:
            phases = boxes[..., axis : axis + 1] * self.frequencies
            waves.append(torch.stack((phases.sin(), phases.cos()), -1).flatten(2))
        return torch.cat(waves, -1)


class SampledAttention(DeformableAttention):
    """Deformable attention by bilinear sampling, with places in 32 bits."""

    def __init__(self, trained: DeformableAttention, grid: tuple[int, int]) -> None:
        nn.Module.__init__(self)
        self.heads, self.points, self.grid = trained.heads, trained.points, grid
        self.sampling_offsets, self.attention_weights = trained.sampling_offsets, trained.attention_weights
        self.value_proj, self.output_proj = trained.value_proj, trained.output_proj

    def forward(self, queries: Tensor, boxes: Tensor, memory: Memory) -> Tensor:
        """See `DeformableAttention`."""
        wide = as_type(queries, torch.float32)
        values = as_type(self.value_proj(memory.tokens), torch.float32).transpose(1, 2)
        maps = values.reshape(-1, values.shape[1] // self.heads, *self.grid)
        found = grid_sample(maps, self._places(wide, boxes), align_corners=False)  # (B * h, d, P, N)
        mixed = (found * self._shares(wide)).sum(2).view(-1, values.shape[1], queries.shape[1])
        joined: Tensor = self.output_proj(as_type(mixed.transpose(1, 2), queries.dtype))
        return joined


class TentAttention(SampledAttention):
    """Deformable attention without sampling.

    Bilinear sampling weighs each cell by the product of two tents, one per axis, whose tops are at the place and whose
    feet are one cell away; outside the map they are 0, as samples are. All samples of a head are then one matrix
    (queries, cells) times the values of the cells.
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, trained: DeformableAttention, grid: tuple[int, int]) -> None:
        super().__init__(trained, grid)
        height, width = grid
        self.register_buffer("rows", torch.arange(height, dtype=torch.float32) + 0.5)
        self.register_buffer("columns", torch.arange(width, dtype=torch.float32) + 0.5)

    def forward(self, queries: Tensor, boxes: Tensor, memory: Memory) -> Tensor:
        """See `DeformableAttention`."""
        _, count, width = queries.shape
        height, columns = self.grid
        values = self.value_proj(memory.tokens).reshape(-1, height * columns, self.heads, width // self.heads)
        cells = self._cells(as_type(queries, torch.float32), boxes).reshape(-1, count, self.heads, height * columns)
        mixed = as_type(cells.transpose(1, 2), queries.dtype) @ values.transpose(1, 2)  # (B, h, N, d)
        joined: Tensor = self.output_proj(mixed.transpose(1, 2).reshape(-1, count, width))
        return joined

    def _cells(self, queries: Tensor, boxes: Tensor) -> Tensor:
        """Return (B, N * h, H, W): how much each head of each query reads of each cell."""
        height, width = self.grid
        rows = queries.shape[1] * self.heads
        offsets = self.sampling_offsets(queries).view(-1, rows, self.points, 2)
        shares = self.attention_weights(queries).view(-1, rows, self.points).softmax(-1)
        boxes = boxes[:, :, None].expand(-1, -1, self.heads, -1).reshape(-1, rows, 1, 4)
        places = boxes[..., :2] + offsets * boxes[..., 2:] * (0.5 / self.points)
        total: Tensor | None = None
        for point in range(self.points):
            across = (1 - (places[:, :, point, 0:1] * width - self.columns).abs()).relu()
            down = (1 - (places[:, :, point, 1:2] * height - self.rows).abs()).relu() * shares[:, :, point : point + 1]
            part = down[..., None] * across[:, :, None]
            total = part if total is None else total + part
        assert total is not None
        return total


class FlatTransformer(nn.Module):
    """Selection by one group of queries from a memory of one size, and the decoder.

    Args:
        trained: the transformer.
        grid: (H, W) cells of the memory.
        ranking: whether the runtime can rank; else ranks are matrix products.
    """

    proposals: Tensor
    inner: Tensor | None

    def __init__(self, trained: Transformer, grid: tuple[int, int], *, ranking: bool) -> None:
        super().__init__()
        proposals = grid_proposals(grid, torch.device("cpu"))
        inner = inner_cells(proposals).float() if max(grid) > LARGEST_WHOLE_GRID else None
        self.register_buffer("proposals", (proposals if inner is None else proposals * inner)[None])
        self.register_buffer("inner", inner)
        self.count = min(trained.queries, len(proposals))
        self.rank = None if ranking else Ranking(len(proposals), self.count)
        self.project = nn.Sequential(trained.enc_output[0], trained.enc_output_norm[0])
        self.classify, self.place = trained.enc_out_class_embed[0], trained.enc_out_bbox_embed[0]
        self.decoder = trained.decoder
        if isinstance(trained, KeypointTransformer):
            self.keypoint_query_initializer = trained.keypoint_query_initializer

    def select(self, memory: Memory, groups: int) -> Selected:
        """See `Transformer`."""
        tokens = memory.tokens
        if self.inner is not None:
            tokens = tokens * as_type(self.inner, tokens.dtype)
        candidates = as_type(self.project(tokens), torch.float32)
        logits = self.classify(candidates)
        scores = logits.amax(-1)
        if self.rank is None:
            best = scores.topk(self.count, 1).indices
            kept, started = take_rows(candidates, best), self.proposals[0][best]
        else:
            best = self.rank(scores)
            kept, started = best @ candidates, best @ self.proposals
        return Selected(kept, self.classify(kept), move_boxes(self.place(kept), started))


class Ranking(nn.Module):
    """Ranks as matrices that choose rows: times (B, S, D) they give what `topk` and `gather` give.

    Args:
        size: scores of a picture, S.
        count: how many are chosen.
    """

    numbers: Tensor

    def __init__(self, size: int, count: int) -> None:
        super().__init__()
        self.count = count
        self.register_buffer("numbers", torch.arange(size, dtype=torch.float32))

    def forward(self, scores: Tensor) -> Tensor:
        """Return (B, count, S) of 0 and 1 for scores (B, S), best first; of equal ones the first."""
        ahead = (scores[:, None] - scores[:, :, None]) * BETTER  # [i, j] > 0: j is better than i
        earlier = (self.numbers[:, None] - self.numbers).clamp(0, 1)
        ranks = (ahead.clamp(0, 1) + (1 - ahead.abs().clamp(0, 1)) * earlier).sum(-1)
        return (1 - (ranks[:, None] - self.numbers[: self.count, None]).abs()).relu()
