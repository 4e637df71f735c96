"""Fits a learned table of patch positions to a grid of another size."""

from math import isqrt

import torch
from torch import Tensor
from torch.nn.functional import interpolate


def fit_position_table(table: Tensor, grid: tuple[int, int]) -> Tensor:
    """Resize the patches' part of a table, as is done for inputs of another size than that of pre-training.

    Args:
        table: (1, 1 + S * S, C): the class token's position, then S x S patches in row-major order.
        grid: (H, W) patches of the input.

    Returns:
        (1, 1 + H * W, C) in the dtype of the table.
    """
    side = isqrt(table.shape[1] - 1)
    if grid == (side, side):
        return table
    patches = table[:, 1:].reshape(1, side, side, -1).permute(0, 3, 1, 2).float()
    fitted = interpolate(patches, size=grid, mode="bicubic", align_corners=False, antialias=True)
    return torch.cat((table[:, :1], fitted.permute(0, 2, 3, 1).flatten(1, 2).to(table.dtype)), 1)
