"""Boxes as waves of many lengths, which linear layers read better than plain numbers."""

import math

import torch
from torch import Tensor

TEMPERATURE = 10_000.0
AXES = (1, 0, 2, 3)  # y before x, as in the published weights


def embed_boxes(boxes: Tensor, width: int) -> Tensor:
    """Return (..., 4 * width): for y, x, w, h of each box sines and cosines by turns, from short waves to long.

    Args:
        boxes: (..., 4) centre x, centre y, width, height as fractions of the picture.
        width: values per number, even.
    """
    exponents = torch.arange(width // 2, dtype=torch.float32, device=boxes.device) * 2 / width
    phases = boxes[..., AXES, None] * (2 * math.pi / TEMPERATURE**exponents)  # (..., 4, width / 2)
    return torch.stack((phases.sin(), phases.cos()), -1).flatten(-3)
