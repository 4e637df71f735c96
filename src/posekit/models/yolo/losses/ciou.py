"""Complete IoU of box pairs (Zheng et al. 2020, arXiv:1911.08287)."""

import math

import torch
from torch import Tensor

EPS = 1e-7


def complete_iou(first: Tensor, second: Tensor) -> Tensor:
    """Return the CIoU (...,) of corner boxes (..., 4), pair by pair, in any unit.

    At most 1; negative for boxes far apart. The weight of the aspect-ratio term carries no gradient.
    """
    ax1, ay1, ax2, ay2 = first.unbind(-1)
    bx1, by1, bx2, by2 = second.unbind(-1)
    # Heights alone get the epsilon: the published networks were trained so.
    aw, ah, bw, bh = ax2 - ax1, ay2 - ay1 + EPS, bx2 - bx1, by2 - by1 + EPS
    shared_w = (torch.minimum(ax2, bx2) - torch.maximum(ax1, bx1)).clamp(min=0)
    shared_h = (torch.minimum(ay2, by2) - torch.maximum(ay1, by1)).clamp(min=0)
    shared = shared_w * shared_h
    iou = shared / (aw * ah + bw * bh - shared + EPS)
    hull_w = torch.maximum(ax2, bx2) - torch.minimum(ax1, bx1)
    hull_h = torch.maximum(ay2, by2) - torch.minimum(ay1, by1)
    diagonal = hull_w.square() + hull_h.square() + EPS
    distance = ((bx1 + bx2 - ax1 - ax2).square() + (by1 + by2 - ay1 - ay2).square()) / 4
    aspect = (4 / math.pi**2) * (torch.atan(bw / bh) - torch.atan(aw / ah)).square()
    with torch.no_grad():
        weight = aspect / (1 - iou + aspect + EPS)
    return iou - (distance / diagonal + aspect * weight)
