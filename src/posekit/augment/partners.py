"""Pictures that may be joined with one another: those loaded last, so that no further ones need be read."""

import numpy as np
from numpy.typing import NDArray

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
