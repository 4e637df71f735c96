"""The side of training pictures, which ``multi_scale`` changes from batch to batch."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor
from torch.nn.functional import interpolate

from posekit.config.train import TrainSettings
from posekit.engine.training.default_side import DEFAULT_SIDE
from posekit.models.contract import TrainableModel


def sides(side: int, change: float, stride: int) -> range:
    """Return the sides, in pixels and before they are rounded down to the stride, that pictures of a side may get."""
    smallest, largest = (int(round(side * factor, ndigits=6)) for factor in (1 - change, 1 + change))
    return range(max(stride, smallest), largest + stride)


def smallest_side(side: int, change: float, stride: int) -> int:
    """Return the smallest side in pixels, a multiple of the stride, that pictures of a side may get."""
    return sides(side, change, stride)[0] // stride * stride if change else side


def largest_side(side: int, change: float, stride: int) -> int:
    """Return the largest side in pixels, a multiple of the stride, that pictures of a side may get."""
    return sides(side, change, stride)[-1] // stride * stride if change else side


def prepared_side(settings: TrainSettings, model: TrainableModel) -> int:
    """Return the side in pixels that pictures are made in before `rescaled`: the largest where they are stretched."""
    side = settings.imgsz or DEFAULT_SIDE
    return side if model.recipe.crops is None else largest_side(side, settings.multi_scale, model.stride)


def rescaled(images: Tensor, change: float, stride: int, seed: Sequence[int], side: int) -> Tensor:
    """Return pictures resized at random, so that the longer side differs by up to a share from a given one.

    Args:
        images: (B, 3, H, W) float.
        change: the share.
        stride: both sides will be multiples of it.
        seed: decides the size.
        side: the given one, pixels.
    """
    given = max(images.shape[2:])
    choice = sides(side, change, stride)
    wanted = int(np.random.default_rng(seed).integers(choice.start, choice.stop)) // stride * stride
    if wanted == given:
        return images
    height, width = (-(-round(length * wanted / given) // stride) * stride for length in images.shape[2:])
    return interpolate(images, (height, width), mode="bilinear", align_corners=False)
