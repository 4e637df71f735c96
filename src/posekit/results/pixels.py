"""The original picture of a result as pixels that can be drawn on and saved."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from posekit.errors import ShapeError

Picture = NDArray[np.uint8]


def picture_size(image: Picture | Tensor) -> tuple[int, int]:
    """Return (H, W) of an (H, W, 3) array or a (3, H, W) tensor.

    Raises:
        ShapeError: it is neither.
    """
    shape = tuple(image.shape)
    if isinstance(image, Tensor):
        if len(shape) == 3:
            return int(shape[1]), int(shape[2])
    elif len(shape) in (2, 3):
        return shape[0], shape[1]
    raise ShapeError(f"orig_img of shape {shape}: expected an (H, W, 3) array or a (3, H, W) tensor")


def bgr_pixels(image: Picture | Tensor) -> Picture:
    """Return (H, W, 3) uint8 BGR pixels; an array is returned as it is.

    Args:
        image: (H, W, 3) uint8 BGR array, or (3, H, W) float RGB tensor in [0, 1].
    """
    if not isinstance(image, Tensor):
        return image
    rgb = (image.detach().float().clamp(0, 1) * 255).round().byte().permute(1, 2, 0)
    return np.ascontiguousarray(rgb.cpu().numpy()[..., ::-1])
