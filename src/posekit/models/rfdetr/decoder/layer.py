"""One layer of the decoder."""

from torch import Tensor, nn

from posekit.models.rfdetr.architecture import Architecture
from posekit.models.rfdetr.decoder.deformable_attention import DeformableAttention
from posekit.models.rfdetr.decoder.memory import Memory
from posekit.models.rfdetr.decoder.query_attention import QueryAttention


class DecoderLayer(nn.Module):
    """Post-norm: queries attend to each other, then to the memory, then a small network follows.

    Args:
        architecture: numbers of the network.
    """

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
        """Return (B, Q, D).

        Args:
            queries: (B, Q, D), Q = groups * queries.
            positions: (B, Q, D) of the queries.
            boxes: (B, Q, 4) where the queries look, as fractions of the picture.
            memory: of the B pictures.
        """
        queries = self.norm1(queries + self._attend_in_groups(queries, positions))
        queries = self.norm2(queries + self.cross_attn(queries + positions, boxes, memory))
        updated: Tensor = self.norm3(queries + self.linear2(self.linear1(queries).relu()))
        return updated

    def _attend_in_groups(self, queries: Tensor, positions: Tensor) -> Tensor:
        values = queries.reshape(-1, self.queries, queries.shape[-1])
        placed = (queries + positions).view_as(values)
        read: Tensor = self.self_attn(placed, values)
        return read.view_as(queries)
