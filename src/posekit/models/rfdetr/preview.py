"""The keypoint preview network: a stream of keypoint tokens beside the queries, with uncertainty.

The eight values of a keypoint (their names are in `decode`):

| channel | content |
|---|---|
| 0, 1 | x, y as fractions of the picture |
| 2 | logit of being findable (labelled at all) |
| 3 | logit of being visible |
| 4, 5, 6 | log l11, l21, log l22: with L = [[l11, 0], [l21, l22]] the precision, inverse of the covariance, is L L^T |
| 7 | what the keypoint adds to the logit of its class |
"""

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, pad

from posekit.errors import ShapeError
from posekit.models.rfdetr import decode as channels
from posekit.models.rfdetr.architecture import Architecture, KeypointSlots
from posekit.models.rfdetr.backbone import DualBackbone
from posekit.models.rfdetr.decoder import (
    MLP,
    Decoder,
    DecoderLayer,
    DeformableAttention,
    Memory,
    QueryAttention,
    Selected,
    Transformer,
    move_boxes,
)
from posekit.models.rfdetr.network import Predictions, QueryNetwork


class Streams(NamedTuple):
    """Queries and their keypoints.

    Attributes:
        queries: (B, Q, D).
        keypoints: (B, Q, K, D).
    """

    queries: Tensor
    keypoints: Tensor


class Surroundings(NamedTuple):
    """What all layers read.

    Attributes:
        boxes: (B, Q, 4) where the queries look, as fractions of the picture.
        positions: (B, Q, D) of the queries.
        keypoint_positions: (1 + K, D) of query (zeros) and keypoints within their row.
        mask: (1 + K, 1 + K) bool, True where a token may read another; None for everywhere.
        memory: that queries read.
        keypoint_memory: that keypoints read.
    """

    boxes: Tensor
    positions: Tensor
    keypoint_positions: Tensor
    mask: Tensor | None
    memory: Memory
    keypoint_memory: Memory


class KeypointLayer(DecoderLayer):
    """A detection layer, after which each query and its keypoints attend to each other and keypoints to a memory."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        width = architecture.width
        hidden = architecture.feedforward // 2
        self.instance_kp_layer_scale = nn.Parameter(torch.ones(1))
        self.kp_inst_self_attn = QueryAttention(width, architecture.heads)
        self.kp_inst_norm = nn.LayerNorm(width)
        self.kp_norm = nn.LayerNorm(width)
        self.kp_cross_attn = DeformableAttention(width, architecture.cross_heads, architecture.points)
        self.kp_cross_attn_norm = nn.LayerNorm(width)
        self.kp_linear1 = nn.Linear(width, hidden)
        self.kp_linear3 = nn.Linear(hidden, width)
        self.kp_norm5 = nn.LayerNorm(width)

    def refine(self, streams: Streams, around: Surroundings) -> Streams:
        """Return both streams after the layer."""
        queries = self(streams.queries, around.positions, around.boxes, around.memory)
        queries, keypoints = self._exchange(Streams(queries, streams.keypoints), around)
        keypoints = self.kp_cross_attn_norm(keypoints + self._look(keypoints, around))
        keypoints = self.kp_norm5(keypoints + self.kp_linear3(self.kp_linear1(keypoints).relu()))
        return Streams(queries, keypoints)

    def _exchange(self, streams: Streams, around: Surroundings) -> Streams:
        """Let each query and its own keypoints attend to each other."""
        rows = torch.cat((streams.queries[:, :, None], streams.keypoints), 2)  # (B, Q, 1 + K, D)
        flat = rows.flatten(0, 1)
        read = self.kp_inst_self_attn(flat + around.keypoint_positions, flat, around.mask).view(rows.shape)
        queries = self.kp_inst_norm(streams.queries + read[:, :, 0] * self.instance_kp_layer_scale)
        return Streams(queries, self.kp_norm(streams.keypoints + read[:, :, 1:]))

    def _look(self, keypoints: Tensor, around: Surroundings) -> Tensor:
        """Let keypoints read their memory, each around the box of its query."""
        placed = (keypoints + around.positions[:, :, None]).flatten(1, 2)
        boxes = around.boxes[:, :, None].expand(-1, -1, keypoints.shape[2], -1).flatten(1, 2)
        read: Tensor = self.kp_cross_attn(placed, boxes, around.keypoint_memory)
        return read.view(keypoints.shape)


class KeypointDecoder(Decoder):
    """Layers that refine queries and keypoints side by side."""

    def __init__(self, architecture: Architecture, slots: KeypointSlots) -> None:
        super().__init__(architecture, KeypointLayer)
        self.keypoint_pos_embed = nn.Parameter(torch.empty(slots.total, architecture.width))
        nn.init.normal_(self.keypoint_pos_embed, std=0.02)
        blocked = slots.blocked()
        self.register_buffer("keypoint_class_mask", blocked)
        self._has_walls = bool(blocked.any())

    def refine(self, streams: Streams, boxes: Tensor, memory: Memory, keypoint_memory: Memory) -> list[Streams]:
        """Return both streams after each layer, queries before the shared `norm`; all look at boxes (B, Q, 4)."""
        table = self.keypoint_pos_embed
        around = Surroundings(
            boxes=boxes,
            positions=self.positions(boxes),
            keypoint_positions=pad(table, (0, 0, 1, 0)),
            mask=~cast(Tensor, self.keypoint_class_mask) if self._has_walls else None,
            memory=memory,
            keypoint_memory=keypoint_memory,
        )
        states = []
        for layer in self.layers:
            streams = cast(KeypointLayer, layer).refine(streams, around)
            states.append(streams)
        return states


class InitialTokens(nn.Module):
    """One learned token per keypoint, modulated by the query (Peebles & Xie 2022, arXiv:2212.09748, section 3.2)."""

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


class KeypointTransformer(Transformer):
    """Selection, the beginnings of keypoint tokens, and the decoder."""

    decoder: KeypointDecoder

    def __init__(self, architecture: Architecture, class_rows: int, slots: KeypointSlots) -> None:
        super().__init__(architecture, class_rows, KeypointDecoder(architecture, slots))
        width = architecture.width
        self.keypoint_query_initializer = InitialTokens(width, slots.total)
        self.keypoint_query_initializer_enc = InitialTokens(width, slots.total)
        self.enc_out_keypoint_embed = nn.ModuleList(
            MLP(width, width, width, channels.COUNT) for _ in range(architecture.groups)
        )


class KeypointPreviewNetwork(QueryNetwork):
    """Backbone with two memories, selection, decoder with a keypoint stream, heads.

    Raises:
        ShapeError: a class with keypoints has no class row.
    """

    transformer: KeypointTransformer

    def __init__(self, architecture: Architecture, class_rows: int, slots: KeypointSlots) -> None:
        super().__init__(architecture, class_rows)
        if any(slots.counts[class_rows:]):
            raise ShapeError(f"keypoints per class {list(slots.counts)} need a class row each, found {class_rows} rows")
        width = architecture.width
        self.slots = slots
        self.backbone = nn.ModuleList([DualBackbone(architecture)])
        self.transformer = KeypointTransformer(architecture, class_rows, slots)
        self.class_embed = nn.Linear(width, class_rows)
        self.bbox_embed = MLP(width, width, width, 4)
        self.keypoint_embed = MLP(width, width, width, channels.COUNT)
        self.register_buffer("_kp_active_mask", slots.mask())
        self.register_buffer("_places", slots.places(), persistent=False)
        self.register_buffer("_membership", slots.membership(class_rows), persistent=False)

    def _decode(self, images: Tensor, groups: int) -> tuple[list[Streams], Tensor, Selected]:
        memory, keypoint_memory = map(Memory.of, cast(DualBackbone, self.backbone[0]).both(self.normalise(images)))
        selected = self.transformer.select(memory, groups)
        boxes = self.starting_boxes(selected.boxes.detach(), groups)
        queries = self.starting_queries(images.shape[0], groups)
        streams = Streams(queries, self.transformer.keypoint_query_initializer(queries))
        return self.transformer.decoder.refine(streams, boxes, memory, keypoint_memory), boxes, selected

    def _predict(self, state: Streams, boxes: Tensor, last_boxes: Tensor | None = None) -> Predictions:
        queries = self.transformer.decoder.norm(state.queries)
        found = move_boxes(self.bbox_embed(queries), boxes)
        # Keypoints of every layer are placed in the boxes that queries started from.
        return self._join(self.class_embed(queries), found, self.keypoint_embed(state.keypoints), boxes)

    def _predict_cells(self, selected: Selected, groups: int) -> Predictions:
        tokens = self.transformer.keypoint_query_initializer_enc(selected.tokens)
        parts = tokens.chunk(groups, 1)
        embeds = self.transformer.enc_out_keypoint_embed[:groups]
        raw = torch.cat([embed(part) for embed, part in zip(embeds, parts, strict=True)], 1)
        return self._join(selected.logits, selected.boxes, raw, selected.boxes)

    def _join(self, logits: Tensor, found: Tensor, raw: Tensor, frames: Tensor) -> Predictions:
        """Place raw keypoints (B, Q, K, 8) in the boxes `frames`, add to class logits, and pad to one row per class."""
        raw = torch.where(raw.isfinite(), raw, 0)
        frames = frames[:, :, None]
        places = raw[..., channels.PLACE] * frames[..., 2:] + frames[..., :2]
        keypoints = torch.cat((places, raw[..., channels.PLACE.stop :]), -1)
        logits = logits + raw[..., channels.CLASS] @ cast(Tensor, self._membership).to(raw.dtype)
        return Predictions(logits, found, self._padded(keypoints))

    def _padded(self, keypoints: Tensor) -> Tensor:
        """Return (B, Q, slots * widest, 8), 0 where a class has fewer keypoints."""
        with_empty = torch.cat((keypoints, torch.zeros_like(keypoints[:, :, :1])), 2)
        return with_empty.index_select(2, cast(Tensor, self._places))
