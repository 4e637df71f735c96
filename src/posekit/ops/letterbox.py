"""Letterbox: a picture resized into a given size without distortion, the rest padded; and the way back.

Rounding is half to even (Python's `round`) throughout.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

PADDING_GREY = 114

Size = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class LetterboxPlan:
    """How a picture of a given shape is placed.

    Attributes:
        resized: (h, w) of the picture after resizing.
        ratio: (y, x) factors from original to resized.
        padding: (top, bottom, left, right) in pixels.
    """

    resized: tuple[int, int]
    ratio: tuple[float, float]
    padding: tuple[int, int, int, int]

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) of the result."""
        top, bottom, left, right = self.padding
        return self.resized[0] + top + bottom, self.resized[1] + left + right


@dataclass(frozen=True, kw_only=True)
class Letterbox:
    """The map between an original picture and the network input it was placed in.

    Attributes:
        network: (H, W) of the network input.
        original: (h, w) of the original picture.
        gain: (y, x) factors from original to network pixels.
        pad: (top, left) offset in network pixels.
    """

    network: tuple[int, int]
    original: tuple[int, int]
    gain: tuple[float, float]
    pad: tuple[float, float]

    @classmethod
    def between(cls, network: tuple[int, int], original: tuple[int, int]) -> "Letterbox":
        """Return the centred placement of a picture (h, w) in an input (H, W), from the two sizes alone.

        The gain is separate per axis and exact for the rounded size of the resized picture.
        """
        (network_h, network_w), (h, w) = network, original
        gain = min(network_h / h, network_w / w)
        resized_h, resized_w = max(round(h * gain), 1), max(round(w * gain), 1)
        return cls(
            network=network,
            original=original,
            gain=(resized_h / h, resized_w / w),
            pad=(round((network_h - resized_h) / 2 - 0.1), round((network_w - resized_w) / 2 - 0.1)),
        )


def plan_letterbox(
    shape: tuple[int, int], target: tuple[int, int], *, auto: bool = False, scaleup: bool = True, stride: int = 32
) -> LetterboxPlan:
    """Plan the centred placement of a picture (h, w) in a target (H, W).

    Args:
        shape: (h, w) of the picture.
        target: (H, W) to fit into.
        auto: pad only up to the next multiple of `stride`, so the result may be smaller than `target`.
        scaleup: whether small pictures are enlarged.
        stride: see `auto`.
    """
    (h, w), (target_h, target_w) = shape, target
    ratio = min(target_h / h, target_w / w)
    if not scaleup:
        ratio = min(ratio, 1.0)
    resized_h, resized_w = max(round(h * ratio), 1), max(round(w * ratio), 1)
    extra_h, extra_w = target_h - resized_h, target_w - resized_w
    if auto:
        extra_h, extra_w = extra_h % stride, extra_w % stride
    padding = (*_split(extra_h), *_split(extra_w))
    return LetterboxPlan(resized=(resized_h, resized_w), ratio=(ratio, ratio), padding=padding)


def apply_letterbox(image: NDArray[np.uint8], plan: LetterboxPlan) -> NDArray[np.uint8]:
    """Return the picture (h, w, C) resized (bilinear) and padded with grey as planned: (H, W, C) uint8."""
    resized = image
    if image.shape[:2] != plan.resized:
        resized = cv2.resize(image, plan.resized[::-1], interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    if not any(plan.padding):
        return resized
    top, bottom, left, right = plan.padding
    height, width = plan.shape
    padded = np.full((height, width, *resized.shape[2:]), PADDING_GREY, np.uint8)
    padded[top : height - bottom, left : width - right] = resized
    return padded


def _split(extra: int) -> tuple[int, int]:
    """Divide padding between the near and the far side; an odd pixel goes to the far one."""
    half = extra / 2
    return round(half - 0.1), round(half + 0.1)


@dataclass(frozen=True, kw_only=True)
class BatchPlan:
    """One batch: `pictures`, indices into the data set, and `shape`, the (H, W) of the network input."""

    pictures: tuple[int, ...]
    shape: Size


def plan_square_batches(count: int, *, imgsz: int, batch: int) -> list[BatchPlan]:
    """Put `count` pictures, in their order, into batches of `imgsz` x `imgsz`."""
    return [
        BatchPlan(pictures=tuple(range(start, min(start + batch, count))), shape=(imgsz, imgsz))
        for start in range(0, count, batch)
    ]


def plan_rect_batches(
    sizes: Sequence[Size], *, imgsz: int, batch: int, stride: int, pad: float = 0.5
) -> list[BatchPlan]:
    """Put pictures of like aspect ratios together, so that little of each input is padding.

    Args:
        sizes: (h, w) of each picture.
        imgsz: longest side of an input before padding, pixels.
        batch: pictures per batch; the last one may be smaller.
        stride: inputs are multiples of it.
        pad: added to each side, in strides, before rounding up.
    """
    if not sizes:
        return []
    ratios = np.array([h / w for h, w in sizes])
    # NumPy's default order, which is not stable: equal ratios fall into batches as they do elsewhere.
    order = np.argsort(ratios)
    plans = []
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        shape = _batch_shape(ratios[chosen], imgsz, stride, pad)
        plans.append(BatchPlan(pictures=tuple(chosen.tolist()), shape=shape))
    return plans


def _batch_shape(ratios: "np.ndarray[tuple[int], np.dtype[np.float64]]", imgsz: int, stride: int, pad: float) -> Size:
    """Return the smallest input (H, W) for pictures of the given h / w."""
    lowest, highest = float(ratios.min()), float(ratios.max())
    height, width = 1.0, 1.0
    if highest < 1:
        height = highest
    elif lowest > 1:
        width = 1 / lowest
    rows, columns = (ceil(side * imgsz / stride + pad) * stride for side in (height, width))
    return rows, columns
