"""Concatenation that knows its type when there is nothing to join."""

from collections.abc import Iterable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)


def joined(arrays: Iterable[NDArray[np.generic]], dtype: type[Scalar]) -> NDArray[Scalar]:
    """Return one-dimensional arrays, perhaps none, as one array of `dtype`."""
    return np.concatenate([np.empty(0, dtype), *arrays], dtype=dtype, casting="same_kind")
