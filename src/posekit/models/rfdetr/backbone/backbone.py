"""The backbone with its projectors."""

import torch
from torch import Tensor, nn

from posekit.models.rfdetr.architecture import Architecture
from posekit.models.rfdetr.backbone.dinov2 import WindowedDinoV2
from posekit.models.rfdetr.backbone.projector import Projector


class Encoder(nn.Module):
    """Holds DINOv2 under the name that the published files give it.

    Args:
        architecture: numbers of the network.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.encoder = WindowedDinoV2(architecture)


class Backbone(nn.Module):
    """Pictures in, memory out.

    Args:
        architecture: numbers of the network.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.encoder = Encoder(architecture)
        self.projector = Projector(len(architecture.taps) * architecture.encoder_width, architecture.width)

    def forward(self, images: Tensor) -> Tensor:
        """Return the memory (B, D, H / p, W / p) of normalised images (B, 3, H, W)."""
        memory: Tensor = self.projector(self.joined_maps(images))
        return memory

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """Return the map of each tap, (B, C, H / p, W / p), and the memory."""
        maps = [part.permute(0, 3, 1, 2) for part in self.encoder.encoder(images)]
        return [*maps, self.projector(torch.cat(maps, 1))]

    def joined_maps(self, images: Tensor) -> Tensor:
        """Return the maps of all taps, (B, taps * C, H / p, W / p), in channels-last memory order."""
        return torch.cat(self.encoder.encoder(images), 3).permute(0, 3, 1, 2)


class DualBackbone(Backbone):
    """A backbone with a second projector, whose memory only keypoints read.

    Args:
        architecture: numbers of the network.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        self.cross_attn_projector = Projector(len(architecture.taps) * architecture.encoder_width, architecture.width)

    def both(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the memory of queries and that of keypoints, (B, D, H / p, W / p) each."""
        maps = self.joined_maps(images)
        return self.projector(maps), self.cross_attn_projector(maps)
