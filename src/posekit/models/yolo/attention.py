"""Blocks with position-sensitive attention (YOLO11, YOLO26), and C3k2, which may hold one."""

import torch
from torch import Tensor, nn

from posekit.models.yolo.blocks import Bottleneck, C3k, Conv, SplitChain

# Width of one attention head.
HEAD_CHANNELS = 64


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
