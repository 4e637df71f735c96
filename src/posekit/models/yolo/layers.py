"""Building blocks of the YOLO bodies; attribute names are the state-dict names of published weights.

All tensors are (B, C, H, W) float. Batch norm uses eps 1e-3 and momentum 0.03 throughout.
"""

import math
from collections.abc import Sequence
from math import gcd
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

# One stateless activation shared by every block, so a network lists it once.
SILU: Final = nn.SiLU(inplace=True)
HEAD_CHANNELS: Final = 64  # of one attention head
COUPLINGS: Final = 6  # of the flow


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

    Each of the `links` maps (B, c, H, W) to (B, c, H, W) with c = int(c2 * expansion), the width of a half.
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


class Attention(nn.Module):
    """Multi-head self-attention over positions with a depthwise positional term; (B, C, H, W) in and out."""

    def __init__(self, channels: int, heads: int, ratio: float = 0.5) -> None:
        super().__init__()
        self.heads = heads
        self.head_dim = channels // heads
        self.key_dim = int(self.head_dim * ratio)
        self.scale = self.key_dim**-0.5
        self.qkv = Conv(channels, channels + 2 * self.key_dim * heads, activation=nn.Identity())
        self.proj = Conv(channels, channels, activation=nn.Identity())
        self.pe = Conv(channels, channels, 3, groups=channels, activation=nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        """Attend over the N = H*W positions of each picture."""
        b, c, h, w = x.shape
        qkv = self.qkv(x).reshape(b, self.heads, 2 * self.key_dim + self.head_dim, h * w)
        q, k, v = qkv.split((self.key_dim, self.key_dim, self.head_dim), 2)  # (B, heads, ·, N)
        weights = ((q * self.scale).transpose(-2, -1) @ k).softmax(-1)  # (B, heads, N, N), rows are queries
        y = (v @ weights.transpose(-2, -1)).reshape(b, c, h, w)
        return self.proj(y + self.pe(v.reshape(b, c, h, w)))  # type: ignore[no-any-return]


class PSABlock(nn.Module):
    """Attention and a two-layer feed-forward network, each with a shortcut; (B, C, H, W) in and out."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.attn = Attention(channels, max(channels // HEAD_CHANNELS, 1))
        self.ffn = nn.Sequential(Conv(channels, 2 * channels), Conv(2 * channels, channels, activation=nn.Identity()))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x + attn(x)`` followed by ``x + ffn(x)``."""
        x = x + self.attn(x)
        return x + self.ffn(x)  # type: ignore[no-any-return]


class C2PSA(nn.Module):
    """Split in two halves, send the second through attention blocks, concatenate."""

    def __init__(self, c1: int, c2: int, repeats: int = 1, *, expansion: float = 0.5) -> None:
        super().__init__()
        half = int(c1 * expansion)
        self.cv1 = Conv(c1, 2 * half)
        self.cv2 = Conv(2 * half, c2)
        self.m = nn.Sequential(*(PSABlock(half) for _ in range(repeats)))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, c1, H, W) to (B, c2, H, W)."""
        a, b = self.cv1(x).chunk(2, 1)
        return self.cv2(torch.cat((a, self.m(b)), 1))  # type: ignore[no-any-return]


class C3k2(SplitChain):
    """Split chain whose links are half-width bottlenecks, C3k blocks, or a bottleneck with attention."""

    def __init__(
        self,
        c1: int,
        c2: int,
        repeats: int = 1,
        *,
        c3k: bool = False,
        expansion: float = 0.5,
        attention: bool = False,
        shortcut: bool = True,
    ) -> None:
        half = int(c2 * expansion)

        def link() -> nn.Module:
            if attention:
                return nn.Sequential(Bottleneck(half, half, shortcut), PSABlock(half))
            return C3k(half, half, 2, shortcut=shortcut) if c3k else Bottleneck(half, half, shortcut)

        super().__init__(c1, c2, [link() for _ in range(repeats)], expansion)


class Proto(nn.Module):
    """Prototypes from the finest level: (B, c1, H/8, W/8) -> (B, count, H/4, W/4)."""

    def __init__(self, c1: int, hidden: int, count: int) -> None:
        super().__init__()
        self.cv1 = Conv(c1, hidden, 3)
        self.upsample = nn.ConvTranspose2d(hidden, hidden, 2, 2, bias=True)
        self.cv2 = Conv(hidden, hidden, 3)
        self.cv3 = Conv(hidden, count)

    def forward(self, x: Tensor) -> Tensor:
        """Return the prototypes."""
        return self.cv3(self.cv2(self.upsample(self.cv1(x))))  # type: ignore[no-any-return]


class Proto26(Proto):
    """Prototypes from all levels, with a semantic branch that only training evaluates."""

    def __init__(self, channels: Sequence[int], hidden: int, count: int, nc: int) -> None:
        super().__init__(hidden, hidden, count)
        finest = channels[0]
        self.feat_refine = nn.ModuleList(Conv(c, finest) for c in channels[1:])
        self.feat_fuse = Conv(finest, hidden, 3)
        self.semseg: nn.Sequential | None = nn.Sequential(
            Conv(finest, hidden, 3), Conv(hidden, hidden, 3), nn.Conv2d(hidden, nc, 1)
        )

    def merge(self, feats: list[Tensor]) -> Tensor:
        """Add the refined coarser levels, enlarged, to the finest: (B, ch0, H/8, W/8)."""
        merged = feats[0]
        for level, (refine, feat) in enumerate(zip(self.feat_refine, feats[1:], strict=True), start=1):
            merged = merged + interpolate(refine(feat), scale_factor=2.0**level, mode="nearest")
        return merged

    def prototypes(self, merged: Tensor) -> Tensor:
        """Return (B, count, H/4, W/4) from merged features."""
        return super().forward(self.feat_fuse(merged))

    def semantic_logits(self, merged: Tensor) -> Tensor:
        """Return (B, nc, H/8, W/8) class logits per cell; the fused form has no such branch."""
        if self.semseg is None:
            raise RuntimeError("a fused network has no semantic branch")
        return self.semseg(merged)  # type: ignore[no-any-return]


class RealNVP(nn.Module):
    """Density of 2-D residuals by six affine coupling layers (Dinh et al. 2017, arXiv:1605.08803)."""

    loc: Tensor
    cov: Tensor
    mask: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("loc", torch.zeros(2))
        self.register_buffer("cov", torch.eye(2))
        self.register_buffer("mask", torch.tensor([[0.0, 1.0], [1.0, 0.0]] * (COUPLINGS // 2)))
        self.s = nn.ModuleList(_coupling(nn.Tanh()) for _ in range(COUPLINGS))
        self.t = nn.ModuleList(_coupling() for _ in range(COUPLINGS))

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the log density (N,) of residuals (N, 2)."""
        z, log_det = x, torch.zeros_like(x[:, 0])
        for i in reversed(range(COUPLINGS)):
            mask = self.mask[i]
            fixed = mask * z
            s = self.s[i](fixed) * (1 - mask)
            t = self.t[i](fixed) * (1 - mask)
            z = (1 - mask) * (z - t) * torch.exp(-s) + fixed
            log_det = log_det - s.sum(1)
        return -0.5 * z.square().sum(1) - math.log(2 * math.pi) + log_det


def _coupling(*last: nn.Module) -> nn.Sequential:
    layers = [nn.Linear(2, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 2)]
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight, gain=0.01)
    return nn.Sequential(*layers, *last)
