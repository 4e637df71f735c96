"""How pictures come into the input of a network: letterboxed or stretched, for prediction, validation and training.

A placing knows a stride and nothing of the network, so an exported file is placed like the network that it came from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posekit.errors import SourceValueError
from posekit.log import LOGGER
from posekit.ops.letterbox import (
    BatchPlan,
    Letterbox,
    apply_letterbox,
    plan_letterbox,
    plan_rect_batches,
    plan_square_batches,
)
from posekit.sample import Batch, Floats, Picture, Sample

Size = tuple[int, int]
BAND = 32  # lines that are stretched at a time: few enough to stay in the processor's cache


class Placing(Protocol):
    """Places pictures of any size into network inputs; sizes are (h, w) or (H, W) in pixels."""

    @property
    def stride(self) -> int:
        """Both sides of an input are multiples of it."""
        ...

    def input_size(self, imgsz: int | Size) -> Size:
        """Return (H, W) for a side or (H, W), each rounded up to the stride; a warning tells where that was needed."""
        ...

    def prepare(self, samples: list[Sample], size: Size, *, rect: bool) -> Batch:
        """Place pictures into one input to predict on; may run in a background thread.

        Args:
            samples: pictures (h, w, 3) uint8 BGR of any sizes, or ready tensors, all of one size, which stay as they
                are.
            size: (H, W) of the input.
            rect: pad only to the next multiple of the stride when all pictures have the same shape.

        Returns:
            images (B, 3, H, W) RGB, uint8 or float in [0, 1], in channels-last memory order.

        Raises:
            SourceValueError: a side of the ready tensors is no multiple of the stride.
        """
        ...

    def plan(self, sizes: Sequence[Size], imgsz: int, batch: int, *, rect: bool) -> list[BatchPlan]:
        """Return which of the pictures of these sizes go together, `batch` at a time, and into what input size."""
        ...

    def load_size(self, size: Size, imgsz: int) -> Size:
        """Return the (h, w) that a picture of a size is resized to when it is read, for inputs of a side."""
        ...

    def place(self, samples: list[Sample], shape: Size) -> Batch:
        """Place pictures that have their load size into one input (H, W); may run in a background thread."""
        ...


@dataclass(frozen=True)
class Letterboxing:
    """Pictures keep their shape; what is left of the input is grey. Labelled ones of like shapes go together."""

    stride: int

    def input_size(self, imgsz: int | Size) -> Size:
        """See `Placing`."""
        return rounded_up(imgsz, self.stride)

    def prepare(self, samples: list[Sample], size: Size, *, rect: bool) -> Batch:
        """See `Placing`."""
        images = ready_tensors(samples, self.stride)
        if images is None:
            auto = rect and len({sample.size for sample in samples}) == 1
            plans = [plan_letterbox(sample.size, size, auto=auto, stride=self.stride) for sample in samples]
            boxed = [apply_letterbox(sample.image, plan) for sample, plan in zip(samples, plans, strict=True)]
            images = pictures_to_tensor(boxed)
        shape = (images.shape[2], images.shape[3])
        boxes = [Letterbox.between(shape, sample.size) for sample in samples]
        return Batch(images=images, samples=samples, letterboxes=boxes)

    def plan(self, sizes: Sequence[Size], imgsz: int, batch: int, *, rect: bool) -> list[BatchPlan]:
        """See `Placing`: with `rect` pictures of like aspect ratios, else squares in the order of the data set."""
        if rect:
            return plan_rect_batches(sizes, imgsz=imgsz, batch=batch, stride=self.stride)
        return plan_square_batches(len(sizes), imgsz=imgsz, batch=batch)

    def load_size(self, size: Size, imgsz: int) -> Size:
        """See `Placing`: the longer side at `imgsz`, enlarged if need be."""
        ratio = imgsz / max(size)
        height, width = (min(ceil(length * ratio), imgsz) for length in size)
        return height, width

    def place(self, samples: list[Sample], shape: Size) -> Batch:
        """See `Placing`: pictures are not enlarged further."""
        plans = [plan_letterbox(sample.size, shape, scaleup=False) for sample in samples]
        boxed = [apply_letterbox(sample.image, plan) for sample, plan in zip(samples, plans, strict=True)]
        letterboxes = []
        for sample, plan in zip(samples, plans, strict=True):
            original = sample.original_size or sample.size
            gain_y, gain_x = (
                loaded / whole * ratio for loaded, whole, ratio in zip(sample.size, original, plan.ratio, strict=True)
            )
            top, _, left, _ = plan.padding
            letterboxes.append(Letterbox(network=shape, original=original, gain=(gain_y, gain_x), pad=(top, left)))
        return Batch(images=pictures_to_tensor(boxed), samples=samples, letterboxes=letterboxes)


@dataclass(frozen=True)
class Stretching:
    """Pictures fill the input, whatever their shape.

    Attributes:
        stride: both sides of an input are multiples of it.
        least_side: pictures are read smaller where their shorter side is above both this and the side of the input;
            None reads them as they are.
    """

    stride: int
    least_side: int | None = None

    def input_size(self, imgsz: int | Size) -> Size:
        """See `Placing`."""
        return rounded_up(imgsz, self.stride)

    def prepare(self, samples: list[Sample], size: Size, *, rect: bool) -> Batch:
        """See `Placing`."""
        images = ready_tensors(samples, self.stride)
        if images is None:
            return self.place(samples, size)
        shape = (images.shape[2], images.shape[3])
        boxes = [stretching(shape, sample.size) for sample in samples]
        return Batch(images=images, samples=samples, letterboxes=boxes)

    def plan(self, sizes: Sequence[Size], imgsz: int, batch: int, *, rect: bool) -> list[BatchPlan]:
        """See `Placing`: squares in the order of the data set."""
        return plan_square_batches(len(sizes), imgsz=imgsz, batch=batch)

    def load_size(self, size: Size, imgsz: int) -> Size:
        """See `Placing`: pictures are resized once, when they are placed, without rounding to bytes."""
        if self.least_side is None:
            return size
        ratio = min(max(imgsz, self.least_side) / min(size), 1)
        return max(round(size[0] * ratio), 1), max(round(size[1] * ratio), 1)

    def place(self, samples: list[Sample], shape: Size) -> Batch:
        """See `Placing`."""
        images = stretched_input([sample.image for sample in samples], shape)
        boxes = [stretching(shape, sample.original_size or sample.size) for sample in samples]
        return Batch(images=images, samples=samples, letterboxes=boxes)


def rounded_up(imgsz: int | Size, stride: int) -> Size:
    """Return (H, W) for a side or (H, W), rounded up to multiples of the stride; a warning tells of it."""
    requested = (imgsz, imgsz) if isinstance(imgsz, int) else imgsz
    height, width = (max(ceil(side / stride), 1) * stride for side in requested)
    if (height, width) != tuple(requested):
        shown = height if height == width else [height, width]
        LOGGER.warning("imgsz=%s is no multiple of the stride %d: rounded up to %s", imgsz, stride, shown)
    return height, width


def ready_tensors(samples: list[Sample], stride: int) -> Tensor | None:
    """Return the network input (B, 3, H, W) that the caller handed in; None for pictures."""
    ready = [sample.tensor for sample in samples if sample.tensor is not None]
    if not ready:
        return None
    height, width = samples[0].size
    if height % stride or width % stride:
        raise SourceValueError(
            f"tensor source of {height}x{width} pixels: height and width must be multiples of {stride} for this model"
        )
    return torch.stack(ready)


def pictures_to_tensor(pictures: list[Picture]) -> Tensor:
    """Stack B pictures (H, W, 3) uint8 BGR to (B, 3, H, W) uint8 RGB, in channels-last memory order."""
    stacked = np.empty((len(pictures), *pictures[0].shape), np.uint8)
    for place, picture in zip(stacked, pictures, strict=True):
        cv2.cvtColor(picture, cv2.COLOR_BGR2RGB, dst=place)
    return torch.from_numpy(stacked).permute(0, 3, 1, 2)


def stretching(network: Size, original: Size) -> Letterbox:
    """Return the map from a picture (h, w) that fills an input (H, W)."""
    gain = (network[0] / original[0], network[1] / original[1])
    return Letterbox(network=network, original=original, gain=gain, pad=(0, 0))


def stretched_input(pictures: Sequence[Picture | Floats], size: Size) -> Tensor:
    """Return (B, 3, H, W) float32 RGB in [0, 1], in channels-last memory order, for pictures (see `stretch`)."""
    stacked = np.stack([stretch(picture, size) for picture in pictures])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2)


class Mix(NamedTuple):
    """How each of n pixels along an axis is mixed of two: their (n,) indices, and the (n,) share of the second."""

    low: NDArray[np.int64]
    high: NDArray[np.int64]
    share: Floats


def stretch(image: Picture | Floats, size: Size) -> Floats:
    """Return a picture (h, w, 3) BGR in 0 ... 255 stretched to (H, W), as (H, W, 3) float32 RGB in [0, 1].

    Bilinear, without smoothing when it shrinks, and not rounded to bytes, as PyTorch does it: the networks notice
    differences. Only pixels that matter are read, so large pictures cost little.
    """
    rows, columns = _mix(image.shape[0], size[0]), _mix(image.shape[1], size[1])
    stretched = np.empty((*size, 3), np.float32)
    for start in range(0, size[0], BAND):
        band = slice(start, start + BAND)
        top, bottom = (_stretch_lines(image[lines[band]], columns) for lines in (rows.low, rows.high))
        _blend(top, bottom, rows.share[band, None, None])
        np.multiply(bottom[..., ::-1], np.float32(1 / 255), out=stretched[band])
    return stretched


def _stretch_lines(lines: Picture | Floats, columns: Mix) -> Floats:
    """Return lines (n, w, 3) stretched along themselves, (n, W, 3) float32."""
    left, right = (lines.take(places, 1).astype(np.float32) for places in (columns.low, columns.high))
    _blend(left, right, columns.share.repeat(3).reshape(-1, 3))
    return right


def _mix(length: int, target: int) -> Mix:
    """Return how `target` pixels are mixed of `length`, pixels being areas; in the 32 bits that PyTorch uses."""
    scale = np.float32(length) / np.float32(target)
    centres = scale * (np.arange(target, dtype=np.float32) + np.float32(0.5)) - np.float32(0.5)
    centres = centres.clip(0)
    low = centres.astype(np.int64)
    return Mix(low, (low + 1).clip(max=length - 1), centres - low.astype(np.float32))


def _blend(first: Floats, second: Floats, share: Floats) -> None:
    """Mix two arrays into `second`, whose share is given."""
    second -= first
    second *= share
    second += first
