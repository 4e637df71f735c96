"""Test-time augmentation of plain detectors: three scales, one of them mirrored."""

from collections.abc import Callable
from math import ceil

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

PADDING_VALUE = 0.447  # mean of natural pictures in [0, 1]
PASSES = ((1.0, False), (0.83, True), (0.67, False))  # (scale, mirrored)


def augmented_predictions(predict: Callable[[Tensor], Tensor], images: Tensor, stride: int, levels: int) -> Tensor:
    """Return the joined predictions (B, 4 + nc, A') of all passes, in pixels of `images`.

    Args:
        predict: maps images (B, 3, H, W) to decoded predictions (B, 4 + nc, A) with centre boxes.
        images: (B, 3, H, W) in [0, 1].
        stride: largest stride of the network.
        levels: number of levels of the head.
    """
    passes = []
    for scale, mirrored in PASSES:
        decoded = predict(_rescaled(images.flip(3) if mirrored else images, scale, stride))
        boxes = decoded[:, :4] / scale
        if mirrored:
            boxes = torch.cat((images.shape[3] - boxes[:, :1], boxes[:, 1:]), 1)
        passes.append(torch.cat((boxes, decoded[:, 4:]), 1))
    return torch.cat(_clip_tails(passes, levels), 2)


def _rescaled(images: Tensor, scale: float, stride: int) -> Tensor:
    """Shrink (bilinear) and pad right and bottom to a stride multiple of the scaled size."""
    if scale == 1:
        return images
    height, width = images.shape[-2:]
    resized = interpolate(images, (int(height * scale), int(width * scale)), mode="bilinear", align_corners=False)
    target_h, target_w = (ceil(side * scale / stride) * stride for side in (height, width))
    padding = (0, target_w - resized.shape[3], 0, target_h - resized.shape[2])
    return pad(resized, padding, value=PADDING_VALUE)


def _clip_tails(passes: list[Tensor], levels: int) -> list[Tensor]:
    """Drop the coarsest level of the largest pass and the finest level of the smallest."""
    cells = sum(4**level for level in range(levels))
    first, last = passes[0].shape[2] // cells, passes[-1].shape[2] // cells * 4 ** (levels - 1)
    return [passes[0][..., : passes[0].shape[2] - first], *passes[1:-1], passes[-1][..., last:]]
