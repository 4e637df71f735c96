"""From pictures to a network input."""

from math import ceil

import cv2
import numpy as np
import torch
from torch import Tensor

from posekit.errors import SourceValueError
from posekit.ops.letterbox import Letterbox, apply_letterbox, plan_letterbox
from posekit.sample import Batch, Picture, Sample

MIN_STRIDE = 32  # inputs are multiples of this even for networks with smaller strides


def input_size(imgsz: int | tuple[int, int], stride: int) -> tuple[int, int]:
    """Return (H, W) for a requested side or (H, W), each rounded up to a multiple of the stride (at least 32)."""
    requested = (imgsz, imgsz) if isinstance(imgsz, int) else imgsz
    step = max(MIN_STRIDE, stride)
    height, width = (max(ceil(side / step), 1) * step for side in requested)
    return height, width


def letterbox_batch(samples: list[Sample], target: tuple[int, int], *, rect: bool, stride: int) -> Batch:
    """Place pictures into one input.

    Args:
        samples: pictures (H, W, 3) uint8 BGR of any sizes, or ready tensors (all of one size).
        target: (H, W) to fit into.
        rect: pad only to the next stride multiple when all pictures have the same shape.
        stride: largest stride of the network.

    Returns:
        images (B, 3, H, W) RGB: uint8 in channels-last memory order, or the ready float tensors.

    Raises:
        SourceValueError: a side of the ready tensors is no multiple of the stride.
    """
    step = max(MIN_STRIDE, stride)
    ready = [sample.tensor for sample in samples if sample.tensor is not None]
    if ready:
        _check_sides(samples[0].size, step)
        return _batch(torch.stack(ready), samples)
    auto = rect and len({sample.size for sample in samples}) == 1
    plans = [plan_letterbox(sample.size, target, auto=auto, stride=step) for sample in samples]
    boxed = [apply_letterbox(sample.image, plan) for sample, plan in zip(samples, plans, strict=True)]
    return _batch(pictures_to_tensor(boxed), samples)


def pictures_to_tensor(pictures: list[Picture]) -> Tensor:
    """Stack B pictures (H, W, 3) uint8 BGR to (B, 3, H, W) uint8 RGB, in channels-last memory order."""
    stacked = np.empty((len(pictures), *pictures[0].shape), np.uint8)
    for place, picture in zip(stacked, pictures, strict=True):
        cv2.cvtColor(picture, cv2.COLOR_BGR2RGB, dst=place)
    return torch.from_numpy(stacked).permute(0, 3, 1, 2)


def _check_sides(size: tuple[int, int], step: int) -> None:
    if size[0] % step or size[1] % step:
        raise SourceValueError(
            f"tensor source of {size[0]}x{size[1]} pixels: height and width must be multiples of {step} for this model"
        )


def _batch(images: Tensor, samples: list[Sample]) -> Batch:
    network = (images.shape[2], images.shape[3])
    return Batch(
        images=images,
        samples=samples,
        letterboxes=[Letterbox.between(network, sample.size) for sample in samples],
    )
