"""How far boxes of labels overlap."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Corners = NDArray[np.floating[Any]]


def box_overlaps(first: Corners, second: Corners) -> NDArray[np.float64]:
    """Return the intersection over union (N, M) of boxes (N, 4) and (M, 4), 0 for boxes without area."""
    a, b = first.astype(np.float64)[:, None], second.astype(np.float64)[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = sides.clip(0).prod(-1)
    union = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1) - shared
    overlaps: NDArray[np.float64] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return overlaps
