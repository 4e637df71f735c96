"""DINOv2 with windowed attention (Oquab et al. 2023, arXiv:2304.07193): pictures in, several feature maps out."""

from math import isqrt
from typing import Final, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, interpolate, layer_norm, scaled_dot_product_attention, silu

from posekit.models.rfdetr.architecture import Architecture


class Projections(nn.Module):
    """Query, key and value.

    Args:
        width: channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)


class OutputProjection(nn.Module):
    """What follows attention.

    Args:
        width: channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)


class Attention(nn.Module):
    """Multi-head self-attention of each row.

    Args:
        width: channels.
        heads: heads; each has width / heads channels.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention = Projections(width)
        self.output = OutputProjection(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (R, T, C) for tokens (R, T, C)."""
        query, key, value = (
            project(tokens).view(*tokens.shape[:2], self.heads, -1).transpose(1, 2)
            for project in (self.attention.query, self.attention.key, self.attention.value)
        )
        mixed = scaled_dot_product_attention(query, key, value)
        joined: Tensor = self.output.dense(mixed.transpose(1, 2).flatten(2))
        return joined


def skip_at_random(branch: Tensor, rate: float, pictures: int) -> Tensor:
    """Return a residual branch with that of some pictures set to 0, the others enlarged to keep the mean.

    Args:
        branch: (pictures * n, ...) with the n rows of a picture together.
        rate: share of pictures that skip the branch, 0 ... 1.
        pictures: how many there are.
    """
    kept = torch.rand(pictures, device=branch.device) >= rate
    factors = (kept.to(branch.dtype) / (1 - rate)).repeat_interleave(len(branch) // pictures)
    return branch * factors.view(-1, *[1] * (branch.ndim - 1))


EPS = 1e-6


class LayerScale(nn.Module):
    """Adds a residual branch with a learned factor per channel.

    Args:
        width: channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.lambda1 = nn.Parameter(torch.ones(width))

    def forward(self, tokens: Tensor, branch: Tensor) -> Tensor:
        """Return tokens (..., C) plus the scaled branch (..., C), in one pass over memory."""
        return torch.addcmul(tokens, branch, self.lambda1)


class TokenNetwork(nn.Module):
    """Two linear layers with exact GELU between.

    Args:
        width: channels; four times as many between the layers.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (..., C)."""
        made: Tensor = self.fc2(gelu(self.fc1(tokens)))
        return made


class Block(nn.Module):
    """Pre-norm transformer block whose attention stays inside windows, or reaches over all of a picture.

    Args:
        width: channels.
        heads: heads of attention.
        windows: rows of a picture.
        is_global: whether the rows of a picture attend to each other.
    """

    def __init__(self, width: int, heads: int, *, windows: int, is_global: bool) -> None:
        super().__init__()
        self.windows = windows
        self.is_global = is_global
        self.skip_rate = 0.0
        self.norm1 = nn.LayerNorm(width, eps=EPS)
        self.attention = Attention(width, heads)
        self.layer_scale1 = LayerScale(width)
        self.norm2 = nn.LayerNorm(width, eps=EPS)
        self.mlp = TokenNetwork(width)
        self.layer_scale2 = LayerScale(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (B * windows, T, C) for tokens of the same shape."""
        tokens = self.layer_scale1(tokens, self._skipping(self._attend(self.norm1(tokens))))
        scaled: Tensor = self.layer_scale2(tokens, self._skipping(self.mlp(self.norm2(tokens))))
        return scaled

    def _attend(self, tokens: Tensor) -> Tensor:
        if not self.is_global:
            within: Tensor = self.attention(tokens)
            return within
        rows, count, width = tokens.shape
        across: Tensor = self.attention(tokens.view(rows // self.windows, self.windows * count, width))
        return across.view(rows, count, width)

    def _skipping(self, branch: Tensor) -> Tensor:
        if not (self.training and self.skip_rate):
            return branch
        return skip_at_random(branch, self.skip_rate, len(branch) // self.windows)


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
    """Cut a grid into equal windows; windows and tokens in row-major order.

    Args:
        grid: (B, H, W, C) tokens; H and W are multiples of `windows`.
        windows: windows per side, w.

    Returns:
        (B * w * w, H / w * W / w, C).
    """
    batch, height, width, channels = grid.shape
    parts = grid.view(batch, windows, height // windows, windows, width // windows, channels)
    return parts.transpose(2, 3).reshape(batch * windows**2, -1, channels)


def join_windows(tokens: Tensor, grid: tuple[int, int], windows: int) -> Tensor:
    """Undo `split_windows`.

    Args:
        tokens: (B * w * w, H / w * W / w, C).
        grid: (H, W).
        windows: windows per side, w.

    Returns:
        (B, H, W, C).
    """
    height, width = grid
    parts = tokens.view(-1, windows, windows, height // windows, width // windows, tokens.shape[-1])
    return parts.transpose(2, 3).reshape(-1, height, width, tokens.shape[-1])


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


BOTTLENECKS = 3


class ChannelNorm(nn.Module):
    """Layer norm over the channels of each pixel.

    Args:
        channels: C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, maps: Tensor) -> Tensor:
        """Return (B, C, H, W); in channels-last memory order nothing is copied."""
        pixels = maps.permute(0, 2, 3, 1)
        normed = layer_norm(pixels, self.weight.shape, self.weight, self.bias, EPS)
        return normed.permute(0, 3, 1, 2)


class ConvNormAct(nn.Module):
    """Convolution without bias, channel norm, SiLU.

    Args:
        inputs: channels in.
        outputs: channels out.
        kernel: side of the kernel.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.bn = ChannelNorm(outputs)  # "bn" in the published files, though it is a layer norm

    def forward(self, maps: Tensor) -> Tensor:
        """Return (B, outputs, H, W)."""
        return silu(self.bn(self.conv(maps)))


class Bottleneck(nn.Module):
    """Two 3x3 convolutions, without a residual.

    Args:
        channels: C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.cv1 = ConvNormAct(channels, channels, 3)
        self.cv2 = ConvNormAct(channels, channels, 3)

    def forward(self, maps: Tensor) -> Tensor:
        """Return (B, C, H, W)."""
        made: Tensor = self.cv2(self.cv1(maps))
        return made


class CrossStageBlock(nn.Module):
    """Half of the channels pass through a chain of bottlenecks; every step of it is kept.

    Args:
        inputs: channels in.
        outputs: channels out.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        half = outputs // 2
        self.cv1 = ConvNormAct(inputs, outputs, 1)
        self.cv2 = ConvNormAct((2 + BOTTLENECKS) * half, outputs, 1)
        self.m = nn.ModuleList(Bottleneck(half) for _ in range(BOTTLENECKS))

    def forward(self, maps: Tensor) -> Tensor:
        """Return (B, outputs, H, W)."""
        parts = list(self.cv1(maps).chunk(2, 1))
        for bottleneck in self.m:
            parts.append(bottleneck(parts[-1]))
        made: Tensor = self.cv2(torch.cat(parts, 1))
        return made


class Projector(nn.Module):
    """Joins maps of one size.

    Args:
        inputs: channels of all maps together.
        outputs: channels of the memory.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList([nn.Sequential(CrossStageBlock(inputs, outputs), ChannelNorm(outputs))])

    def forward(self, maps: Tensor) -> Tensor:
        """Return the memory (B, outputs, H, W) of joined maps (B, inputs, H, W)."""
        memory: Tensor = self.stages[0](maps)
        return memory


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


IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)


IMAGENET_STD: Final = (0.229, 0.224, 0.225)


class Normalisation(nn.Module):
    """Subtracts the mean of ImageNet's colours and divides by their standard deviation."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        # Constants: not part of the published state dicts.
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return (B, 3, H, W) for RGB pictures (B, 3, H, W) in [0, 1]."""
        return (images - self.mean) / self.std
