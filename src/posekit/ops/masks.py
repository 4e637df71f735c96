"""Instance masks from prototypes and coefficients, and mask stacks moved to the original picture.

Masks are thresholded on the logit (above 0), which is 0.5 after a sigmoid, so no sigmoid is computed.
"""

from math import gcd

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from posekit.ops.letterbox import Letterbox

# Largest number of logits held at once while masks are enlarged (128 MiB in float32).
LOGITS_PER_CHUNK = 2**25


def assemble_masks_at_network_size(
    protos: Tensor, coefficients: Tensor, boxes: Tensor, network_hw: tuple[int, int]
) -> Tensor:
    """Return masks (N, H, W) uint8 at the size of the network input, letterbox padding included.

    Args:
        protos: (M, mh, mw) prototypes.
        coefficients: (N, M) mask coefficients.
        boxes: (N, 4) corners x1 y1 x2 y2 in pixels of the network input, to which masks are cropped.
        network_hw: (H, W) of the network input.
    """
    masks = boxes.new_empty((len(boxes), *network_hw), dtype=torch.uint8)
    for rows in _chunks(len(boxes), network_hw):
        logits = _resize(_logits(protos, coefficients[rows]), network_hw)
        masks[rows] = crop_masks(logits > 0, boxes[rows])
    return masks


def assemble_masks_at_prototype_size(
    protos: Tensor, coefficients: Tensor, boxes: Tensor, network_hw: tuple[int, int]
) -> Tensor:
    """Return masks (N, mh, mw) uint8 at the size of the prototypes, as validation compares them.

    The arguments are those of `assemble_masks_at_network_size`.
    """
    height, width = protos.shape[1:]
    ratio = boxes.new_tensor([width / network_hw[1], height / network_hw[0]]).repeat(2)
    return crop_masks(_logits(protos, coefficients) > 0, boxes * ratio).to(torch.uint8)


def assemble_masks_at_original_size(
    protos: Tensor, coefficients: Tensor, boxes: Tensor, original_hw: tuple[int, int]
) -> Tensor:
    """Return masks (N, h, w) uint8 at the size of the original picture, computed a few instances at a time.

    The network input is four times as large as the (M, mh, mw) prototypes; boxes (N, 4) are in original pixels.
    """
    proto_hw = (protos.shape[1], protos.shape[2])
    factor = _padding_upsampling(proto_hw, original_hw)
    enlarged_hw = (proto_hw[0] * factor, proto_hw[1] * factor)
    masks = boxes.new_empty((len(boxes), *original_hw), dtype=torch.uint8)
    larger_hw = max(enlarged_hw, original_hw, key=lambda hw: hw[0] * hw[1])
    for rows in _chunks(len(boxes), larger_hw):
        logits = _resize(_logits(protos, coefficients[rows]), enlarged_hw)
        masks[rows] = crop_masks(scale_masks(logits, original_hw) > 0, boxes[rows])
    return masks


def scale_masks(masks: Tensor, original_hw: tuple[int, int]) -> Tensor:
    """Cut the padding of a centred letterbox off (N, H, W) floats, and resize them bilinearly to the picture (h, w).

    `masks` itself is returned when the sizes agree.
    """
    letterboxed_hw = (masks.shape[1], masks.shape[2])
    if letterboxed_hw == original_hw:
        return masks
    rows, columns = letterbox_content(letterboxed_hw, original_hw)
    return _resize(masks[:, rows, columns], original_hw)


def letterboxed_to_original(masks: Tensor, letterbox: Letterbox) -> Tensor:
    """As `scale_masks`, for a known placement in masks (N, H, W) of the size of the network input."""
    (top, left), (gain_y, gain_x), (height, width) = letterbox.pad, letterbox.gain, letterbox.original
    rows, columns = max(round(height * gain_y), 1), max(round(width * gain_x), 1)
    content = masks[:, int(top) : int(top) + rows, int(left) : int(left) + columns]
    return _resize(content, letterbox.original)


def letterbox_content(letterboxed_hw: tuple[int, int], original_hw: tuple[int, int]) -> tuple[slice, slice]:
    """Return the rows and columns that a picture (h, w) takes up in its centred letterbox (H, W)."""
    letterbox = Letterbox.between(letterboxed_hw, original_hw)
    (top, left), (gain_y, gain_x) = letterbox.pad, letterbox.gain
    height, width = round(original_hw[0] * gain_y), round(original_hw[1] * gain_x)
    return slice(int(top), int(top) + height), slice(int(left), int(left) + width)


def crop_masks(masks: Tensor, boxes: Tensor) -> Tensor:
    """Clear everything outside each box: column c stays when x1 <= c < x2, rows likewise.

    Masks (N, H, W) are bool, uint8 or float, and stay that; boxes (N, 4) are corners in their pixels.
    """
    x1, y1, x2, y2 = boxes[:, :, None].unbind(1)  # each (N, 1)
    columns = torch.arange(masks.shape[2], device=masks.device, dtype=torch.float32)
    rows = torch.arange(masks.shape[1], device=masks.device, dtype=torch.float32)
    inside_columns = (x1 <= columns) & (columns < x2)  # (N, W)
    inside_rows = (y1 <= rows) & (rows < y2)  # (N, H)
    return masks * inside_columns[:, None, :] * inside_rows[:, :, None]


def nonempty_masks(masks: Tensor) -> Tensor:
    """Return which masks have any pixel: (N,) bool for (N, H, W)."""
    return masks.flatten(1).any(1).bool()


def _logits(protos: Tensor, coefficients: Tensor) -> Tensor:
    """Combine (M, mh, mw) prototypes by (N, M) coefficients to (N, mh, mw)."""
    return (coefficients @ protos.flatten(1)).view(-1, *protos.shape[1:])


def _resize(stack: Tensor, size_hw: tuple[int, int]) -> Tensor:
    if (stack.shape[1], stack.shape[2]) == size_hw:
        return stack
    if not len(stack):  # which interpolate refuses
        return stack.new_empty((0, *size_hw))
    return interpolate(stack[None], size_hw, mode="bilinear", align_corners=False)[0]


def _chunks(count: int, size_hw: tuple[int, int]) -> list[slice]:
    """Split `count` instances so that one chunk of (H, W) logits stays within the memory limit."""
    step = max(LOGITS_PER_CHUNK // (size_hw[0] * size_hw[1]), 1)
    return [slice(start, start + step) for start in range(0, count, step)]


def _padding_upsampling(proto_hw: tuple[int, int], original_hw: tuple[int, int]) -> int:
    """Return by how much (1, 2 or 4) prototypes must grow for the padding to be whole cells on every side."""
    network_hw = (4 * proto_hw[0], 4 * proto_hw[1])
    rows, columns = letterbox_content(network_hw, original_hw)
    padding = (network_hw[0] - (rows.stop - rows.start)) | (network_hw[1] - (columns.stop - columns.start))
    return 4 // gcd(4, padding | (padding // 2))
