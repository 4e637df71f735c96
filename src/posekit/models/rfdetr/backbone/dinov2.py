"""DINOv2 with windowed attention (Oquab et al. 2023, arXiv:2304.07193): pictures in, several feature maps out."""

from typing import cast

import torch
from torch import Tensor, nn

from posekit.models.rfdetr.architecture import Architecture
from posekit.models.rfdetr.backbone.block import EPS, Block
from posekit.models.rfdetr.backbone.position_table import fit_position_table
from posekit.models.rfdetr.backbone.windows import join_windows, split_windows


class PatchEmbeddings(nn.Module):
    """One vector per patch.

    Args:
        width: channels.
        patch_size: side of a patch in pixels.
    """

    def __init__(self, width: int, patch_size: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(3, width, patch_size, patch_size)


class Embeddings(nn.Module):
    """Patches and class token with their positions, cut into windows that each have a class token of their own.

    Args:
        architecture: numbers of the network.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width = architecture.encoder_width
        self.windows = architecture.windows
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        # Only pre-training reads it; published files hold it.
        self.mask_token = nn.Parameter(torch.zeros(1, width), requires_grad=False)
        self.position_embeddings = nn.Parameter(torch.zeros(1, 1 + architecture.position_grid**2, width))
        self.patch_embeddings = PatchEmbeddings(width, architecture.patch_size)

    def forward(self, images: Tensor) -> Tensor:
        """Return (B * w * w, 1 + T, C) for normalised images (B, 3, H, W)."""
        patches = self.patch_embeddings.projection(images).permute(0, 2, 3, 1)  # (B, H / p, W / p, C)
        height, width = patches.shape[1:3]
        positions = fit_position_table(self.position_embeddings, (height, width)).to(patches.dtype)
        patches = patches + positions[:, 1:].view(1, height, width, -1)
        rows = split_windows(patches, self.windows)
        first = (self.cls_token + positions[:, :1]).to(rows.dtype).expand(rows.shape[0], -1, -1)
        return torch.cat((first, rows), 1)


class Blocks(nn.Module):
    """The blocks, under the name that the published files give them.

    Args:
        architecture: numbers of the network.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.layer = nn.ModuleList(
            Block(
                architecture.encoder_width,
                architecture.encoder_heads,
                windows=architecture.windows**2,
                is_global=index in architecture.global_blocks,
            )
            for index in range(architecture.encoder_depth)
        )


class WindowedDinoV2(nn.Module):
    """The backbone.

    Args:
        architecture: numbers of the network.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.taps = architecture.taps
        self.windows = architecture.windows
        self.patch_size = architecture.patch_size
        self.embeddings = Embeddings(architecture)
        self.encoder = Blocks(architecture)
        self.layernorm = nn.LayerNorm(architecture.encoder_width, eps=EPS)
        # Blocks after the last tap change nothing (base has one); published files hold them.
        for block in self.encoder.layer[self.taps[-1] :]:
            block.requires_grad_(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return one normalised map (B, H / p, W / p, C) per tap, for normalised images (B, 3, H, W)."""
        grid = (images.shape[2] // self.patch_size, images.shape[3] // self.patch_size)
        tokens = self.embeddings(images)
        maps = []
        for count, block in enumerate(self.encoder.layer[: self.taps[-1]], start=1):
            tokens = block(tokens)
            if count in self.taps:
                maps.append(join_windows(self.layernorm(tokens[:, 1:]), grid, self.windows))
        return maps

    def set_skip_rate(self, rate: float) -> None:
        """Set stochastic depth: the last block is skipped for a share `rate` of pictures, the first for none."""
        last = len(self.encoder.layer) - 1
        for index, block in enumerate(self.encoder.layer):
            cast(Block, block).skip_rate = rate * index / last
