"""Overlap of boxes that are given as corners; shapes broadcast."""

import torch
from torch import Tensor

EPS = 1e-7


def iou(first: Tensor, second: Tensor) -> Tensor:
    """Return the intersection over union (...) of boxes (..., 4) x1 y1 x2 y2."""
    inside, union = _areas(first, second)
    return inside / union.clamp(min=EPS)


def generalised_iou(first: Tensor, second: Tensor) -> Tensor:
    """Return IoU minus the empty share of the enclosing box (Rezatofighi et al. 2019, arXiv:1902.09630), (...).

    Args:
        first: (..., 4) x1 y1 x2 y2.
        second: (..., 4).
    """
    inside, union = _areas(first, second)
    enclosing = _extent(torch.minimum(first[..., :2], second[..., :2]), torch.maximum(first[..., 2:], second[..., 2:]))
    return inside / union.clamp(min=EPS) - (enclosing - union) / enclosing.clamp(min=EPS)


def _areas(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Return the areas of intersection and union."""
    inside = _extent(torch.maximum(first[..., :2], second[..., :2]), torch.minimum(first[..., 2:], second[..., 2:]))
    return inside, _extent(first[..., :2], first[..., 2:]) + _extent(second[..., :2], second[..., 2:]) - inside


def _extent(top_left: Tensor, bottom_right: Tensor) -> Tensor:
    return (bottom_right - top_left).clamp(min=0).prod(-1)
