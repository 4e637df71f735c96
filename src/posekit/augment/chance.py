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


def picture_generator(seed: int, epoch: int, index: int) -> np.random.Generator:
    """Return the generator of all random changes to one picture in one epoch.

    It depends on nothing else, so neither the number of workers nor an interruption changes what a training sees.

    Args:
        seed: of the training.
        epoch: 0, 1, ...
        index: number of the picture within its data set.
    """
    return np.random.default_rng((seed, epoch, index))


BATCHES = 8


MOST = 1000


def window_length(count: int, batch: int) -> int:
    """Return how many pictures to keep of a data set of `count`: those of eight batches, at most 1000."""
    return min(count, BATCHES * batch, MOST)


def recent_pictures(order: NDArray[np.int64], position: int, length: int) -> NDArray[np.int64]:
    """Return the numbers of the pictures that come last in an epoch, up to and with the one at `position`.

    They follow from the order alone, not from what a worker has seen, so that a training can be repeated exactly.

    Args:
        order: (n,) numbers of all pictures as the epoch takes them.
        position: within `order`, from 0.
        length: how many; before the first picture come the last ones of `order`.
    """
    return order[np.arange(position - length + 1, position + 1) % len(order)]
