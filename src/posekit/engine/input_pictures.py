"""Network inputs as pictures that people can look at."""

import numpy as np
from torch import Tensor

from posekit.sample import Picture


def input_pictures(images: Tensor) -> list[Picture]:
    """Return network inputs (B, 3, H, W) RGB, uint8 or float in [0, 1], as B pictures (H, W, 3) uint8 BGR."""
    stack = images.permute(0, 2, 3, 1).cpu().numpy()
    if stack.dtype != np.uint8:
        stack = (stack * 255).round().astype(np.uint8)
    return [np.ascontiguousarray(picture[..., ::-1]) for picture in stack]
