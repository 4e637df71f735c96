"""The projector: joins the backbone's feature maps to one memory."""

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, silu

EPS = 1e-6
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
