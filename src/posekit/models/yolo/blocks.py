"""Building blocks of the YOLO bodies; attribute names are the state-dict names of published weights.

All tensors are (B, C, H, W) float. Batch norm uses eps 1e-3 and momentum 0.03 throughout.
"""

from math import gcd
from typing import Final

import torch
from torch import Tensor, nn

# One stateless activation shared by every block, so a network lists it once.
SILU: Final = nn.SiLU(inplace=True)


class Conv(nn.Module):
    """Convolution without bias, batch norm, activation: (B, c1, H, W) -> (B, c2, H/stride, W/stride)."""

    def __init__(
        self, c1: int, c2: int, kernel: int = 1, stride: int = 1, *, groups: int = 1, activation: nn.Module = SILU
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c1, c2, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(c2, eps=1e-3, momentum=0.03)
        self.act = activation

    def forward(self, x: Tensor) -> Tensor:
        """Return ``act(bn(conv(x)))``."""
        return self.act(self.bn(self.conv(x)))  # type: ignore[no-any-return]


def depthwise_conv(c1: int, c2: int, kernel: int) -> Conv:
    """Return a `Conv` with one group per common channel."""
    return Conv(c1, c2, kernel, groups=gcd(c1, c2))


class Bottleneck(nn.Module):
    """Two convolutions with an optional identity shortcut: (B, c1, H, W) -> (B, c2, H, W)."""

    def __init__(
        self, c1: int, c2: int, shortcut: bool, kernels: tuple[int, int] = (3, 3), expansion: float = 0.5
    ) -> None:
        super().__init__()
        hidden = int(c2 * expansion)
        self.cv1 = Conv(c1, hidden, kernels[0])
        self.cv2 = Conv(hidden, c2, kernels[1])
        self.add = shortcut and c1 == c2

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolved map, plus `x` where the shortcut holds."""
        y = self.cv2(self.cv1(x))
        return x + y if self.add else y  # type: ignore[no-any-return]


class SplitChain(nn.Module):
    """Split in two halves, feed the second through a chain, concatenate every step (C2f and C3k2).

    Args:
        c1: input channels.
        c2: output channels.
        links: the chain; each maps (B, c, H, W) to (B, c, H, W) with c = int(c2 * expansion).
        expansion: width of a half relative to `c2`.
    """

    def __init__(self, c1: int, c2: int, links: list[nn.Module], expansion: float) -> None:
        super().__init__()
        half = int(c2 * expansion)
        self.cv1 = Conv(c1, 2 * half)
        self.cv2 = Conv((2 + len(links)) * half, c2)
        self.m = nn.ModuleList(links)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, c1, H, W) to (B, c2, H, W)."""
        steps = list(self.cv1(x).chunk(2, 1))
        for link in self.m:
            steps.append(link(steps[-1]))
        return self.cv2(torch.cat(steps, 1))  # type: ignore[no-any-return]


class C2f(SplitChain):
    """Split chain of full-width bottlenecks."""

    def __init__(self, c1: int, c2: int, repeats: int = 1, *, shortcut: bool = False, expansion: float = 0.5) -> None:
        half = int(c2 * expansion)
        links: list[nn.Module] = [Bottleneck(half, half, shortcut, expansion=1.0) for _ in range(repeats)]
        super().__init__(c1, c2, links, expansion)


class C2(nn.Module):
    """Split in two halves, send one through a sequence of bottlenecks, concatenate."""

    def __init__(self, c1: int, c2: int, repeats: int = 1, *, shortcut: bool = True, expansion: float = 0.5) -> None:
        super().__init__()
        half = int(c2 * expansion)
        self.cv1 = Conv(c1, 2 * half)
        self.cv2 = Conv(2 * half, c2)
        self.m = nn.Sequential(*(Bottleneck(half, half, shortcut, expansion=1.0) for _ in range(repeats)))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, c1, H, W) to (B, c2, H, W)."""
        a, b = self.cv1(x).chunk(2, 1)
        return self.cv2(torch.cat((self.m(a), b), 1))  # type: ignore[no-any-return]


class C3k(nn.Module):
    """Two parallel 1x1 convolutions, one followed by 3x3 bottlenecks, concatenated."""

    def __init__(self, c1: int, c2: int, repeats: int = 1, *, shortcut: bool = True, expansion: float = 0.5) -> None:
        super().__init__()
        hidden = int(c2 * expansion)
        self.cv1 = Conv(c1, hidden)
        self.cv2 = Conv(c1, hidden)
        self.cv3 = Conv(2 * hidden, c2)
        self.m = nn.Sequential(*(Bottleneck(hidden, hidden, shortcut, expansion=1.0) for _ in range(repeats)))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, c1, H, W) to (B, c2, H, W)."""
        return self.cv3(torch.cat((self.m(self.cv1(x)), self.cv2(x)), 1))  # type: ignore[no-any-return]


class SPPF(nn.Module):
    """Spatial pyramid pooling by repeated max-pooling: (B, c1, H, W) -> (B, c2, H, W).

    `residual` is the YOLO26 form: no activation after the first convolution, and the input is added.
    Both forms have the same state-dict keys and shapes.
    """

    def __init__(self, c1: int, c2: int, kernel: int = 5, pools: int = 3, *, residual: bool = False) -> None:
        super().__init__()
        hidden = c1 // 2
        self.cv1 = Conv(c1, hidden, activation=nn.Identity() if residual else SILU)
        self.cv2 = Conv(hidden * (pools + 1), c2)
        self.m = nn.MaxPool2d(kernel, 1, kernel // 2)
        self.pools = pools
        self.add = residual and c1 == c2

    def forward(self, x: Tensor) -> Tensor:
        """Return the fused pyramid, plus `x` in the residual form."""
        steps = [self.cv1(x)]
        for _ in range(self.pools):
            steps.append(self.m(steps[-1]))
        y = self.cv2(torch.cat(steps, 1))
        return x + y if self.add else y  # type: ignore[no-any-return]


class Concat(nn.Module):
    """Concatenation on channels."""

    def forward(self, x: list[Tensor]) -> Tensor:
        """Map maps of equal size to one (B, sum of channels, H, W)."""
        return torch.cat(x, 1)
