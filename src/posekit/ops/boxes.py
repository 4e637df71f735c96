"""Boxes (..., 4) and points (..., 2 or 3) between formats and between coordinate frames, and areas of boxes."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, cat

from posekit.ops.letterbox import Letterbox

Number = TypeVar("Number", np.float32, np.float64, np.int64)


def xywh_to_xyxy(boxes: Tensor) -> Tensor:
    """Centre and size (..., 4) to corners x1 y1 x2 y2."""
    centre, half = boxes[..., :2], boxes[..., 2:] / 2
    return cat((centre - half, centre + half), -1)


def xyxy_to_xywh(boxes: Tensor) -> Tensor:
    """Corners (..., 4) to centre and size."""
    near, far = boxes[..., :2], boxes[..., 2:]
    return cat(((near + far) / 2, far - near), -1)


def boxes_to_original(boxes: Tensor, letterbox: Letterbox) -> Tensor:
    """Corners (..., 4) in network pixels to original pixels, clipped to the picture."""
    (pad_y, pad_x), (gain_y, gain_x) = letterbox.pad, letterbox.gain
    pad = boxes.new_tensor((pad_x, pad_y, pad_x, pad_y))
    gain = boxes.new_tensor((gain_x, gain_y, gain_x, gain_y))
    return clip_boxes((boxes - pad) / gain, letterbox.original)


def points_to_original(points: Tensor, letterbox: Letterbox) -> Tensor:
    """Points (..., 2 or 3) x y [visibility] in network pixels to original pixels, clipped to the picture."""
    (pad_y, pad_x), (gain_y, gain_x) = letterbox.pad, letterbox.gain
    height, width = letterbox.original
    moved = points.clone()
    moved[..., 0] = ((points[..., 0] - pad_x) / gain_x).clamp(0, width)
    moved[..., 1] = ((points[..., 1] - pad_y) / gain_y).clamp(0, height)
    return moved


def clip_boxes(boxes: Tensor, shape: tuple[int, int]) -> Tensor:
    """Clip corners (..., 4) to a picture of (h, w)."""
    height, width = shape
    limit = boxes.new_tensor((width, height, width, height))
    return boxes.clamp(boxes.new_zeros(4), limit)


def box_areas(boxes: NDArray[Number]) -> NDArray[Number]:
    """Return the (N,) areas of corners (N, 4) in square pixels."""
    areas: NDArray[Number] = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return areas


def shared_areas(first: NDArray[Number], second: NDArray[Number]) -> NDArray[Number]:
    """Return the (M, N) areas in square pixels that corners (M, 4) share with corners (N, 4)."""
    near = np.maximum(first.T[:2, :, None], second.T[:2, None])  # (2, M, N): NumPy is fastest along the last axis
    sides = np.minimum(first.T[2:, :, None], second.T[2:, None]) - near
    width, height = np.maximum(sides, 0, out=sides)
    shared: NDArray[Number] = width * height
    return shared


def box_iou(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the (M, N) IoU of corners (M, 4) and (N, 4); 0 where boxes do not meet, and nearly so without area."""
    with np.errstate(over="ignore", invalid="ignore"):
        shared = shared_areas(first, second)
        union = box_areas(first)[:, None] + box_areas(second) - shared
        return np.asarray(shared / (union + np.float32(1e-7)), np.float32)


def exact_iou(first: NDArray[np.floating[Any]], second: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the (M, N) IoU as `box_iou`, in double precision; 0 for boxes without area."""
    a, b = first.astype(np.float64), second.astype(np.float64)
    shared = shared_areas(a, b)
    union = box_areas(a)[:, None] + box_areas(b) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
