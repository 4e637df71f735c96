"""The side of training pictures, which ``multi_scale`` changes from batch to batch."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor
from torch.nn.functional import interpolate


def sides(side: int, change: float, stride: int) -> range:
    """Return the sides, in pixels and before they are rounded down to the stride, that pictures of a side may get."""
    return range(max(stride, int(side * (1 - change))), int(side * (1 + change)) + stride)


def smallest_side(side: int, change: float, stride: int) -> int:
    """Return the smallest side in pixels, a multiple of the stride, that pictures of a side may get."""
    return sides(side, change, stride)[0] // stride * stride if change else side


def largest_side(side: int, change: float, stride: int) -> int:
    """Return the largest side in pixels, a multiple of the stride, that pictures of a side may get."""
    return sides(side, change, stride)[-1] // stride * stride if change else side


def rescaled(images: Tensor, change: float, stride: int, seed: Sequence[int]) -> Tensor:
    """Return pictures resized at random, so that the longer side changes by up to a share.

    Args:
        images: (B, 3, H, W) float.
        change: the share.
        stride: both sides will be multiples of it.
        seed: decides the size.
    """
    side = max(images.shape[2:])
    choice = sides(side, change, stride)
    wanted = int(np.random.default_rng(seed).integers(choice.start, choice.stop)) // stride * stride
    if wanted == side:
        return images
    height, width = (-(-round(length * wanted / side) // stride) * stride for length in images.shape[2:])
    return interpolate(images, (height, width), mode="bilinear", align_corners=False)
