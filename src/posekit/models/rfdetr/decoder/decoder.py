"""The decoder: layers that refine queries."""

from torch import Tensor, nn

from posekit.models.rfdetr.architecture import Architecture
from posekit.models.rfdetr.decoder.box_embedding import embed_boxes
from posekit.models.rfdetr.decoder.layer import DecoderLayer
from posekit.models.rfdetr.decoder.memory import Memory
from posekit.models.rfdetr.decoder.mlp import MLP


class Decoder(nn.Module):
    """Layers, and what they share.

    Args:
        architecture: numbers of the network.
        layer: the kind of layer.
    """

    def __init__(self, architecture: Architecture, layer: type[DecoderLayer] = DecoderLayer) -> None:
        super().__init__()
        width = architecture.width
        self.width = width
        self.layers = nn.ModuleList(layer(architecture) for _ in range(architecture.decoder_layers))
        self.norm = nn.LayerNorm(width)
        self.ref_point_head = MLP(2 * width, width, width)

    def forward(self, queries: Tensor, boxes: Tensor, memory: Memory) -> list[Tensor]:
        """Return the queries (B, Q, D) after each layer, before the shared `norm`.

        Args:
            queries: (B, Q, D) to begin with.
            boxes: (B, Q, 4) where the queries look; the same in all layers.
            memory: of the B pictures.
        """
        positions = self.positions(boxes)
        states = []
        for layer in self.layers:
            queries = layer(queries, positions, boxes, memory)
            states.append(queries)
        return states

    def positions(self, boxes: Tensor) -> Tensor:
        """Return the positions (B, Q, D) of queries that look at boxes (B, Q, 4)."""
        made: Tensor = self.ref_point_head(embed_boxes(boxes, self.width // 2))
        return made
