"""Which objects are still worth learning after a picture was changed."""

import numpy as np
from numpy.typing import NDArray

from posekit.sample import Floats

SHORTEST_SIDE = 2  # pixels
LARGEST_ASPECT = 100
_TINY = 1e-16


def keep_candidates(before: Floats, after: Floats, *, least_area: float) -> NDArray[np.bool_]:
    """Tell which boxes keep enough of themselves.

    Args:
        before: (N, 4) corners in pixels, at the scale of `after`.
        after: (N, 4) corners in pixels, cut to the picture; NaN for a box that is nowhere.
        least_area: share of the area that must remain.

    Returns:
        (N,) bool: sides longer than 2 pixels, aspect ratio under 100, share of the area above `least_area`.
    """
    old, new = before[:, 2:] - before[:, :2], after[:, 2:] - after[:, :2]
    shorter, longer = new.min(1), new.max(1)
    share = new.prod(1) / (old.prod(1) + _TINY)
    slim = longer < LARGEST_ASPECT * (shorter + _TINY)
    kept: NDArray[np.bool_] = (shorter > SHORTEST_SIDE) & slim & (share > least_area)
    return kept
