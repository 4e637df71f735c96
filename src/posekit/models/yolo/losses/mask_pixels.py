"""Masks as lists of the pixels inside boxes: boxes are small, and most of a map need not be looked at."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class MaskPixels:
    """The T pixels inside k boxes of one picture, box after box.

    Attributes:
        owners: (T,) int64 which of the boxes.
        rows: (T,) int64 y.
        columns: (T,) int64 x.
    """

    owners: Tensor
    rows: Tensor
    columns: Tensor

    @classmethod
    def inside(cls, boxes: Tensor, size: tuple[int, int]) -> "MaskPixels":
        """Return the pixels of a map (h, w) inside corner boxes (k, 4): column c when x1 <= c < x2, rows likewise."""
        limit = boxes.new_tensor((size[1], size[0])).repeat(2)
        edges = boxes.ceil().nan_to_num().clamp(boxes.new_zeros(4), limit).long()  # a diverged network gives NaN
        near, far = edges.chunk(2, 1)
        widths, heights = (far - near).clamp(min=0).unbind(1)
        counts = widths * heights
        owners = torch.repeat_interleave(counts)
        places = torch.arange(len(owners), device=boxes.device) - (counts.cumsum(0) - counts)[owners]
        y = places.div(widths[owners], rounding_mode="floor")
        x = places - y * widths[owners]
        return cls(owners=owners, rows=y + near[owners, 1], columns=x + near[owners, 0])

    def logits(self, coefficients: Tensor, prototypes: Tensor) -> Tensor:
        """Return mask logits (T,) from coefficients (k, nm) of the boxes and prototypes (nm, h, w)."""
        maps = (coefficients @ prototypes.flatten(1)).view(-1, *prototypes.shape[1:])
        return maps[self.owners, self.rows, self.columns]
