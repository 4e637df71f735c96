"""The backbone: DINOv2 with windowed attention (Oquab et al. 2023, arXiv:2304.07193), and the projector.

Every name of a module is that of the published files; a `ModuleDict` stands where they have a level of names more.
"""

from math import isqrt
from typing import Final, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, interpolate, scaled_dot_product_attention, silu

from posekit.models.rfdetr.architecture import Architecture

EPS: Final = 1e-6
BOTTLENECKS: Final = 3  # of a block of the projector


class Attention(nn.Module):
    """Multi-head self-attention of each row."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention = nn.ModuleDict({name: nn.Linear(width, width) for name in ("query", "key", "value")})
        self.output = nn.ModuleDict({"dense": nn.Linear(width, width)})

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (R, T, C) for tokens (R, T, C)."""
        query, key, value = (
            project(tokens).view(*tokens.shape[:2], self.heads, -1).transpose(1, 2)
            for project in self.attention.values()
        )
        mixed = scaled_dot_product_attention(query, key, value)
        joined: Tensor = self.output["dense"](mixed.transpose(1, 2).flatten(2))
        return joined


class LayerScale(nn.Module):
    """Adds a residual branch with a learned factor per channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.lambda1 = nn.Parameter(torch.ones(width))

    def forward(self, tokens: Tensor, branch: Tensor) -> Tensor:
        """Return tokens (..., C) plus the scaled branch (..., C), in one pass over memory."""
        return torch.addcmul(tokens, branch, self.lambda1)


class Block(nn.Module):
    """Pre-norm transformer block; its attention stays inside windows, or is global: over all windows of a picture."""

    def __init__(self, width: int, heads: int, *, windows: int, is_global: bool) -> None:
        super().__init__()
        self.windows = windows
        self.is_global = is_global
        self.norm1 = nn.LayerNorm(width, eps=EPS)
        self.attention = Attention(width, heads)
        self.layer_scale1 = LayerScale(width)
        self.norm2 = nn.LayerNorm(width, eps=EPS)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, 4 * width), "fc2": nn.Linear(4 * width, width)})
        self.layer_scale2 = LayerScale(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (B * windows, T, C) for tokens of the same shape."""
        rows, count, width = tokens.shape
        shape = (rows // self.windows, self.windows * count, width) if self.is_global else tokens.shape
        attended = self.attention(self.norm1(tokens).view(shape)).view(tokens.shape)
        tokens = self.layer_scale1(tokens, attended)
        updated: Tensor = self.layer_scale2(tokens, self.mlp["fc2"](gelu(self.mlp["fc1"](self.norm2(tokens)))))
        return updated


def fit_position_table(table: Tensor, grid: tuple[int, int]) -> Tensor:
    """Resize the patches' part of a table, as is done for inputs of another size than that of pre-training.

    Args:
        table: (1, 1 + S * S, C): the class token's position, then S x S patches in row-major order.
        grid: (H, W) patches of the input.

    Returns:
        (1, 1 + H * W, C) in the dtype of the table.
    """
    side = isqrt(table.shape[1] - 1)
    if grid == (side, side):
        return table
    patches = table[:, 1:].reshape(1, side, side, -1).permute(0, 3, 1, 2).float()
    fitted = interpolate(patches, size=grid, mode="bicubic", align_corners=False, antialias=True)
    return torch.cat((table[:, :1], fitted.permute(0, 2, 3, 1).flatten(1, 2).to(table.dtype)), 1)


def split_windows(grid: Tensor, windows: int) -> Tensor:
    """Cut a grid (B, H, W, C) into w = `windows` per side, (B * w * w, H / w * W / w, C); all in row-major order."""
    batch, height, width, channels = grid.shape
    parts = grid.view(batch, windows, height // windows, windows, width // windows, channels)
    return parts.transpose(2, 3).reshape(batch * windows**2, -1, channels)


def join_windows(tokens: Tensor, grid: tuple[int, int], windows: int) -> Tensor:
    """Undo `split_windows`: return (B, H, W, C) for a grid of (H, W)."""
    height, width = grid
    parts = tokens.view(-1, windows, windows, height // windows, width // windows, tokens.shape[-1])
    return parts.transpose(2, 3).reshape(-1, height, width, tokens.shape[-1])


class Embeddings(nn.Module):
    """Patches and class token with their positions, cut into windows that each have a class token of their own."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width, patch = architecture.encoder_width, architecture.patch_size
        self.windows = architecture.windows
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        # Only pre-training reads it; published files hold it.
        self.mask_token = nn.Parameter(torch.zeros(1, width), requires_grad=False)
        self.position_embeddings = nn.Parameter(torch.zeros(1, 1 + architecture.position_grid**2, width))
        self.patch_embeddings = nn.ModuleDict({"projection": nn.Conv2d(3, width, patch, patch)})

    def forward(self, images: Tensor) -> Tensor:
        """Return (B * w * w, 1 + T, C) for normalised images (B, 3, H, W)."""
        patches = self.patch_embeddings["projection"](images).permute(0, 2, 3, 1)  # (B, H / p, W / p, C)
        height, width = patches.shape[1:3]
        positions = fit_position_table(self.position_embeddings, (height, width)).to(patches.dtype)
        patches = patches + positions[:, 1:].view(1, height, width, -1)
        rows = split_windows(patches, self.windows)
        first = (self.cls_token + positions[:, :1]).to(rows.dtype).expand(rows.shape[0], -1, -1)
        return torch.cat((first, rows), 1)


class WindowedDinoV2(nn.Module):
    """Pictures in, several feature maps out."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.taps = architecture.taps
        self.windows = architecture.windows
        self.patch_size = architecture.patch_size
        self.embeddings = Embeddings(architecture)
        blocks = [
            Block(
                architecture.encoder_width,
                architecture.encoder_heads,
                windows=architecture.windows**2,
                is_global=index in architecture.global_blocks,
            )
            for index in range(architecture.encoder_depth)
        ]
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(blocks)})
        self.layernorm = nn.LayerNorm(architecture.encoder_width, eps=EPS)
        # Blocks after the last tap change nothing (base has one); published files hold them.
        for block in blocks[self.taps[-1] :]:
            block.requires_grad_(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return one normalised map (B, H / p, W / p, C) per tap, for normalised images (B, 3, H, W)."""
        grid = (images.shape[2] // self.patch_size, images.shape[3] // self.patch_size)
        tokens = self.embeddings(images)
        maps = []
        blocks = cast(nn.ModuleList, self.encoder["layer"])
        for count, block in enumerate(blocks[: self.taps[-1]], start=1):
            tokens = block(tokens)
            if count in self.taps:
                maps.append(join_windows(self.layernorm(tokens[:, 1:]), grid, self.windows))
        return maps


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of each pixel."""

    def forward(self, maps: Tensor) -> Tensor:
        """Return (B, C, H, W); in channels-last memory order nothing is copied."""
        return super().forward(maps.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNormAct(nn.Module):
    """Convolution without bias, channel norm, SiLU: (B, inputs, H, W) -> (B, outputs, H, W)."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.bn = ChannelNorm(outputs, eps=EPS)  # "bn" in the published files, though it is a layer norm

    def forward(self, maps: Tensor) -> Tensor:
        """Return ``silu(bn(conv(maps)))``."""
        return silu(self.bn(self.conv(maps)))


class Bottleneck(nn.Module):
    """Two 3x3 convolutions, without a residual; (B, C, H, W) in and out."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.cv1 = ConvNormAct(channels, channels, 3)
        self.cv2 = ConvNormAct(channels, channels, 3)

    def forward(self, maps: Tensor) -> Tensor:
        """Return the convolved map."""
        made: Tensor = self.cv2(self.cv1(maps))
        return made


class CrossStageBlock(nn.Module):
    """Half of the channels pass through a chain of bottlenecks; every step of it is kept."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        half = outputs // 2
        self.cv1 = ConvNormAct(inputs, outputs, 1)
        self.cv2 = ConvNormAct((2 + BOTTLENECKS) * half, outputs, 1)
        self.m = nn.ModuleList(Bottleneck(half) for _ in range(BOTTLENECKS))

    def forward(self, maps: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, outputs, H, W)."""
        parts = list(self.cv1(maps).chunk(2, 1))
        for bottleneck in self.m:
            parts.append(bottleneck(parts[-1]))
        made: Tensor = self.cv2(torch.cat(parts, 1))
        return made


class Projector(nn.Module):
    """Makes one memory of the maps of all taps: (B, taps * C, H, W) -> (B, D, H, W)."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        inputs, outputs = len(architecture.taps) * architecture.encoder_width, architecture.width
        norm = ChannelNorm(outputs, eps=EPS)
        self.stages = nn.ModuleList([nn.Sequential(CrossStageBlock(inputs, outputs), norm)])

    def forward(self, maps: Tensor) -> Tensor:
        """Return the memory."""
        memory: Tensor = self.stages[0](maps)
        return memory


class Backbone(nn.Module):
    """Pictures in, memory out."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.encoder = nn.ModuleDict({"encoder": WindowedDinoV2(architecture)})
        self.projector = Projector(architecture)

    def forward(self, images: Tensor) -> Tensor:
        """Return the memory (B, D, H / p, W / p) of normalised images (B, 3, H, W)."""
        memory: Tensor = self.projector(self.joined_maps(images))
        return memory

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """Return the map of each tap, (B, C, H / p, W / p), and the memory."""
        maps = [part.permute(0, 3, 1, 2) for part in self.encoder["encoder"](images)]
        return [*maps, self.projector(torch.cat(maps, 1))]

    def joined_maps(self, images: Tensor) -> Tensor:
        """Return the maps of all taps, (B, taps * C, H / p, W / p), in channels-last memory order."""
        return torch.cat(self.encoder["encoder"](images), 3).permute(0, 3, 1, 2)


class DualBackbone(Backbone):
    """A backbone with a second projector, whose memory only keypoints read."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        self.cross_attn_projector = Projector(architecture)

    def both(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the memory of queries and that of keypoints, (B, D, H / p, W / p) each."""
        maps = self.joined_maps(images)
        return self.projector(maps), self.cross_attn_projector(maps)


class Normalisation(nn.Module):
    """Subtracts the mean of ImageNet's colours and divides by their standard deviation."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        # Constants: not part of the published state dicts.
        self.register_buffer("mean", torch.tensor((0.485, 0.456, 0.406))[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor((0.229, 0.224, 0.225))[:, None, None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return (B, 3, H, W) for RGB pictures (B, 3, H, W) in [0, 1]."""
        return (images - self.mean) / self.std
