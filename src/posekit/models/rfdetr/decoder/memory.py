"""What the decoder reads of a picture."""

from typing import NamedTuple

from torch import Tensor


class Memory(NamedTuple):
    """A feature map as a row of tokens.

    Attributes:
        tokens: (B, H * W, D), row by row.
        grid: (H, W).
    """

    tokens: Tensor
    grid: tuple[int, int]

    @classmethod
    def of(cls, maps: Tensor) -> "Memory":
        """Return the memory of a map (B, D, H, W)."""
        return cls(maps.flatten(2).transpose(1, 2), (maps.shape[2], maps.shape[3]))
