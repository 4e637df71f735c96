"""`Draw`: what decides about one training picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Draw:
    """The random numbers of one picture, and the numbers of the samples that may be joined to it.

    Attributes:
        rng: gives all random numbers.
        partners: at least one number.
    """

    rng: np.random.Generator
    partners: Sequence[int] | NDArray[np.int64]

    def happens(self, probability: float) -> bool:
        """Draw whether something of this probability happens."""
        return probability > 0 and self.rng.random() < probability

    def partner(self) -> int:
        """Draw the number of a sample to join."""
        return int(self.partners[int(self.rng.integers(len(self.partners)))])
