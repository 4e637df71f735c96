"""Which classes have keypoints, and how keypoints of several classes share a row of tokens."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class KeypointSlots:
    """Keypoints per class.

    Tokens hold the keypoints of all classes, one class after the other. Outputs are padded: every class has as many
    places as the one with most keypoints.

    Attributes:
        counts: keypoints of each class, by class index; 0 for classes without.
    """

    counts: tuple[int, ...]

    @classmethod
    def from_mask(cls, mask: Tensor) -> "KeypointSlots":
        """Return the slots that a mask (slots, K) describes: True for places that are used."""
        return cls(tuple(int(count) for count in mask.sum(1)))

    @property
    def total(self) -> int:
        """Keypoints of all classes."""
        return sum(self.counts)

    @property
    def widest(self) -> int:
        """Places of each class in padded outputs."""
        return max(self.counts, default=0)

    @property
    def owners(self) -> tuple[int, ...]:
        """For each token the class that it belongs to."""
        return tuple(slot for slot, count in enumerate(self.counts) for _ in range(count))

    def mask(self) -> Tensor:
        """Return (slots, widest) bool: True for places that are used."""
        return torch.arange(self.widest) < torch.tensor(self.counts)[:, None]

    def blocked(self) -> Tensor:
        """Return (1 + total, 1 + total) bool: True where keypoints belong to different classes.

        Row and column 0 are the query itself, which everything may read.
        """
        owners = torch.tensor(self.owners)
        mask = torch.zeros(1 + self.total, 1 + self.total, dtype=torch.bool)
        mask[1:, 1:] = owners[:, None] != owners
        return mask

    def places(self) -> Tensor:
        """Return (slots * widest,) int64: the token of each place of padded outputs; `total` for unused ones."""
        table = torch.full((len(self.counts), self.widest), self.total)
        table[self.mask()] = torch.arange(self.total)
        return table.flatten()

    def membership(self, class_rows: int) -> Tensor:
        """Return (total, class_rows) float: 1 where a token belongs to a class."""
        rows = torch.arange(class_rows)
        return (torch.tensor(self.owners, dtype=torch.int64)[:, None] == rows).float()
