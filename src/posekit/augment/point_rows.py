"""Points of many parts as one row of x and one of y, so that one operation moves them all, and fast; and back."""

from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from posekit.sample import Floats

Rows = NDArray[np.float64]
"""(2, T): a row of x and a row of y."""


def join_points(parts: Sequence[Floats]) -> Rows:
    """Return the points of parts (P, 2) end to end, (2, T) with T the sum of all P."""
    if not parts:
        return np.zeros((2, 0))
    return np.concatenate([part.T for part in parts], axis=1, dtype=np.float64)


def split_points(rows: Rows, parts: Sequence[Floats]) -> tuple[Floats, ...]:
    """Return points (2, T) as parts (P, 2) float32 of the lengths of the given ones."""
    points = np.ascontiguousarray(rows.T, np.float32)
    ends = accumulate(map(len, parts), initial=0)
    return tuple(points[start:end] for start, end in pairwise(ends))
