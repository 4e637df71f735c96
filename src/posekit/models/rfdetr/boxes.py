"""Boxes as changes of other boxes."""

import torch
from torch import Tensor


def move_boxes(change: Tensor, boxes: Tensor) -> Tensor:
    """Apply predicted changes to boxes.

    Args:
        change: (..., 4) shift of the centre in box sizes, logarithm of the growth of width and height.
        boxes: (..., 4) centre x, centre y, width, height in any unit.

    Returns:
        (..., 4) in the unit of `boxes`; nothing is clipped.
    """
    centre = change[..., :2] * boxes[..., 2:] + boxes[..., :2]
    return torch.cat((centre, change[..., 2:].exp() * boxes[..., 2:]), -1)
