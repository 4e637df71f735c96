"""Random numbers that belong to a picture, not to the process that happens to change it."""

import numpy as np


def picture_generator(seed: int, epoch: int, index: int) -> np.random.Generator:
    """Return the generator of all random changes to one picture in one epoch.

    It depends on nothing else, so neither the number of workers nor an interruption changes what a training sees.

    Args:
        seed: of the training.
        epoch: 0, 1, ...
        index: number of the picture within its data set.
    """
    return np.random.default_rng((seed, epoch, index))
