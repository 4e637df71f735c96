"""The anchor points of one network input, as the losses use them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from posekit.models.yolo.decode import AnchorPoints, anchor_points


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Anchor points of all levels, finest first, each level row by row.

    Attributes:
        points: (N, 2) x and y in cells.
        strides: (N,) input pixels per cell.
        levels: stride of each level, finest first.
        size: (H, W) of the network input in pixels.
    """

    points: Tensor
    strides: Tensor
    levels: tuple[float, ...]
    size: tuple[float, float]

    @classmethod
    def of(cls, feats: Sequence[Tensor], levels: Sequence[float], dtype: torch.dtype) -> "Grid":
        """Return the grid of feature maps (B, C_i, H_i, W_i), of which only the sizes matter."""
        # One channel is enough, and half precision could not count the cells.
        anchors = anchor_points([feat[:1, :1].to(dtype) for feat in feats], levels)
        height, width = feats[0].shape[-2:]
        size = (height * levels[0], width * levels[0])
        return cls(points=anchors.points.T, strides=anchors.strides, levels=tuple(levels), size=size)

    @property
    def pixels(self) -> Tensor:
        """(N, 2) x and y in input pixels."""
        return self.points * self.strides[:, None]

    @property
    def anchors(self) -> AnchorPoints:
        """The same points as `decode` wants them."""
        return AnchorPoints(points=self.points.T, strides=self.strides)
