"""From pictures to a network input: stretched to a given size, as the networks were trained."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posekit.ops.letterbox import Letterbox
from posekit.sample import Floats, Picture

BAND = 32
"""Lines that are stretched at a time: few enough to stay in the processor's cache."""


class Mix(NamedTuple):
    """How each of n pixels along an axis is mixed of two.

    Attributes:
        low: (n,) index of the first pixel.
        high: (n,) index of the second.
        share: (n,) share of the second, 0 ... 1.
    """

    low: NDArray[np.int64]
    high: NDArray[np.int64]
    share: Floats


def stretch(image: Picture | Floats, size: tuple[int, int]) -> Floats:
    """Return a picture (h, w, 3) BGR in 0 ... 255 stretched to (H, W), as (H, W, 3) float32 RGB in [0, 1].

    Bilinear, without smoothing when it shrinks, and not rounded to bytes, as PyTorch does it: the networks notice
    differences. Only pixels that matter are read, so large pictures cost little.
    """
    rows, columns = mix(image.shape[0], size[0]), mix(image.shape[1], size[1])
    stretched = np.empty((*size, 3), np.float32)
    for start in range(0, size[0], BAND):
        band = slice(start, start + BAND)
        top, bottom = (stretch_lines(image[lines[band]], columns) for lines in (rows.low, rows.high))
        blend(top, bottom, rows.share[band, None, None])
        np.multiply(bottom[..., ::-1], np.float32(1 / 255), out=stretched[band])
    return stretched


def stretch_lines(lines: Picture | Floats, columns: Mix) -> Floats:
    """Return lines (n, w, 3) stretched along themselves, (n, W, 3) float32."""
    left, right = (lines.take(places, 1).astype(np.float32) for places in (columns.low, columns.high))
    blend(left, right, columns.share.repeat(3).reshape(-1, 3))
    return right


def mix(length: int, target: int) -> Mix:
    """Return how `target` pixels are mixed of `length`, pixels being areas; in the 32 bits that PyTorch uses."""
    scale = np.float32(length) / np.float32(target)
    centres = scale * (np.arange(target, dtype=np.float32) + np.float32(0.5)) - np.float32(0.5)
    centres = centres.clip(0)
    low = centres.astype(np.int64)
    return Mix(low, (low + 1).clip(max=length - 1), centres - low.astype(np.float32))


def blend(first: Floats, second: Floats, share: Floats) -> None:
    """Mix two arrays into `second`, whose share is given."""
    second -= first
    second *= share
    second += first


def stretched_input(pictures: Sequence[Picture | Floats], size: tuple[int, int]) -> Tensor:
    """Return (B, 3, H, W) float32 RGB in [0, 1], in channels-last memory order, for pictures (see `stretch`)."""
    stacked = np.stack([stretch(picture, size) for picture in pictures])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2)


def stretching(network: tuple[int, int], original: tuple[int, int]) -> Letterbox:
    """Return the map from a picture (h, w) that fills an input (H, W)."""
    gain = (network[0] / original[0], network[1] / original[1])
    return Letterbox(network=network, original=original, gain=gain, pad=(0, 0))
