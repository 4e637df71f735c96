"""The decoder of the keypoint preview."""

from typing import cast

import torch
from torch import Tensor, nn

from posekit.models.rfdetr.architecture import Architecture
from posekit.models.rfdetr.decoder.decoder import Decoder
from posekit.models.rfdetr.decoder.memory import Memory
from posekit.models.rfdetr.preview.layer import KeypointLayer, Streams, Surroundings
from posekit.models.rfdetr.preview.slots import KeypointSlots


class KeypointDecoder(Decoder):
    """Layers that refine queries and keypoints side by side.

    Args:
        architecture: numbers of the network.
        slots: keypoints per class.
    """

    def __init__(self, architecture: Architecture, slots: KeypointSlots) -> None:
        super().__init__(architecture, KeypointLayer)
        self.keypoint_pos_embed = nn.Parameter(torch.empty(slots.total, architecture.width))
        nn.init.normal_(self.keypoint_pos_embed, std=0.02)
        self.register_buffer("keypoint_class_mask", slots.blocked())
        self._has_walls = bool(slots.blocked().any())

    def refine(self, streams: Streams, boxes: Tensor, memory: Memory, keypoint_memory: Memory) -> list[Streams]:
        """Return both streams after each layer; queries before the shared `norm`.

        Args:
            streams: to begin with.
            boxes: (B, Q, 4) where the queries look; the same in all layers.
            memory: that queries read.
            keypoint_memory: that keypoints read.
        """
        table = self.keypoint_pos_embed
        around = Surroundings(
            boxes=boxes,
            positions=self.positions(boxes),
            keypoint_positions=torch.cat((table.new_zeros(1, table.shape[1]), table)),
            mask=~cast(Tensor, self.keypoint_class_mask) if self._has_walls else None,
            memory=memory,
            keypoint_memory=keypoint_memory,
        )
        states = []
        for layer in self.layers:
            streams = cast(KeypointLayer, layer).refine(streams, around)
            states.append(streams)
        return states
