"""One decoder layer of the keypoint preview."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from posekit.models.rfdetr.architecture import Architecture
from posekit.models.rfdetr.decoder.deformable_attention import DeformableAttention
from posekit.models.rfdetr.decoder.layer import DecoderLayer
from posekit.models.rfdetr.decoder.memory import Memory
from posekit.models.rfdetr.decoder.query_attention import QueryAttention


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
    """A detection layer, after which each query and its keypoints attend to each other and keypoints to a memory.

    Args:
        architecture: numbers of the network.
    """

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
        read = self.kp_inst_self_attn(flat + around.keypoint_positions, flat, around.mask).view_as(rows)
        queries = self.kp_inst_norm(streams.queries + read[:, :, 0] * self.instance_kp_layer_scale)
        return Streams(queries, self.kp_norm(streams.keypoints + read[:, :, 1:]))

    def _look(self, keypoints: Tensor, around: Surroundings) -> Tensor:
        """Let keypoints read their memory, each around the box of its query."""
        placed = (keypoints + around.positions[:, :, None]).flatten(1, 2)
        boxes = around.boxes.repeat_interleave(keypoints.shape[2], 1)
        read: Tensor = self.kp_cross_attn(placed, boxes, around.keypoint_memory)
        return read.view_as(keypoints)
