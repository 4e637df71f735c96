"""The boxes that a network starts from: one per cell of the feature map."""

import torch
from torch import Tensor

SIDE = 0.05
MARGIN = 0.01
LARGEST_WHOLE_GRID = 49  # from 50 cells on, the outer centres lie in the margin


def grid_proposals(grid: tuple[int, int], like: Tensor) -> Tensor:
    """Return (H * W, 4) square boxes around the cell centres, as fractions of the picture.

    Args:
        grid: (H, W).
        like: gives device and dtype.
    """
    height, width = grid
    rows = (torch.arange(height, device=like.device, dtype=torch.float32) + 0.5) / height
    columns = (torch.arange(width, device=like.device, dtype=torch.float32) + 0.5) / width
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    side = torch.full_like(x, SIDE)
    return torch.stack((x, y, side, side), -1).view(-1, 4)


def inner_cells(proposals: Tensor) -> Tensor:
    """Return (S, 1) bool: whether the centre of a proposal (S, 4) lies well inside the picture."""
    return ((proposals > MARGIN) & (proposals < 1 - MARGIN)).all(-1, keepdim=True)
