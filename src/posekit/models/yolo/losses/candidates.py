"""Which anchor points may stand for which objects at all."""

import torch
from torch import Tensor

from posekit.models.yolo.losses.grid import Grid
from posekit.models.yolo.losses.objects import Objects

# An object is learned by levels whose cells are 1/2 to 1/12 of its side (square root of the box area).
FEWEST_CELLS, MOST_CELLS = 2, 12


def inside_boxes(objects: Objects, grid: Grid) -> Tensor:
    """Return which anchor points lie strictly inside which boxes: (B, M, N) bool.

    A box side shorter than a cell of the second level counts as long as that cell, about the same centre:
    otherwise the smallest objects would have no anchor point.
    """
    floor = grid.levels[min(1, len(grid.levels) - 1)]
    near, far = objects.boxes[..., :2], objects.boxes[..., 2:]
    centre, short = (near + far) / 2, (far - near) < floor
    near = torch.where(short, centre - floor / 2, near)[:, :, None]  # (B, M, 1, 2)
    far = torch.where(short, centre + floor / 2, far)[:, :, None]
    x, y = grid.pixels.unbind(1)
    across = (x > near[..., 0]) & (x < far[..., 0]) & objects.valid[:, :, None]
    return across & (y > near[..., 1]) & (y < far[..., 1])


def inside_boxes_at_fitting_levels(objects: Objects, grid: Grid) -> Tensor:
    """Return the anchor points inside boxes on levels that fit the object's size: (B, M, N) bool.

    The finest level takes all smaller objects, the coarsest all larger ones; an object left without
    anchor points keeps those of all levels.
    """
    inside = inside_boxes(objects, grid)
    sides = (objects.boxes[..., 2:] - objects.boxes[..., :2]).clamp(min=0).prod(2).sqrt()[:, :, None]  # (B, M, 1)
    strides = grid.strides
    large_enough = (sides >= FEWEST_CELLS * strides) | (strides == min(grid.levels))
    small_enough = (sides <= MOST_CELLS * strides) | (strides == max(grid.levels))
    fitting = inside & large_enough & small_enough
    return torch.where(fitting.any(2, keepdim=True), fitting, inside)
