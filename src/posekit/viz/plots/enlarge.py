"""Coordinates for a picture that is drawn at another size."""

import numpy as np
from numpy.typing import NDArray


def enlarged_boxes(boxes: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """Return (N, 4) corners times `scale`; what is too large for a number becomes infinite."""
    with np.errstate(over="ignore"):
        return np.asarray(boxes, np.float32) * np.float32(scale)


def enlarged_keypoints(keypoints: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """Return (N, K, 2 or 3) with x and y times `scale`; infinite ones are not drawn."""
    enlarged = np.array(keypoints, np.float32)
    with np.errstate(over="ignore"):
        enlarged[..., :2] *= np.float32(scale)
    return enlarged
