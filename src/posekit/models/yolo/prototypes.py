"""Mask prototypes: the pictures that mask coefficients combine."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import interpolate

from posekit.models.yolo.blocks import Conv


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
