"""Masks as a tint with an edge."""

import cv2
import numpy as np
from numpy.typing import NDArray

from posekit.ops.masks import letterbox_content
from posekit.viz.scene import Color, Picture

ALPHA = 0.5


def tint_masks(picture: Picture, masks: NDArray[np.uint8], colors: list[Color], edge_width: int) -> None:
    """Blend N masks into `picture` in place; where they overlap the earlier one is on top.

    Args:
        picture: (H, W, 3) uint8 BGR.
        masks: (N, h, w) 0 or 1, letterboxed or at the size of the picture.
        colors: N colours.
        edge_width: of the outlines, pixels.
    """
    if not len(masks):
        return
    tint = picture.copy()
    outlines = []
    for mask, color in zip(masks[::-1], colors[::-1], strict=True):
        full = mask_at_size(mask, picture.shape[:2])
        contours, _ = cv2.findContours(full.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(tint, contours, -1, color, cv2.FILLED)
        outlines.append((contours, color))
    cv2.addWeighted(tint, ALPHA, picture, 1 - ALPHA, 0, dst=picture)
    for contours, color in outlines:
        cv2.drawContours(picture, contours, -1, color, edge_width, cv2.LINE_AA)


def mask_at_size(mask: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """Return an (h, w) mask as (H, W) bool: the letterbox padding cut off, the rest resized."""
    if mask.shape == size_hw:
        return mask.astype(bool)
    rows, columns = letterbox_content((mask.shape[0], mask.shape[1]), size_hw)
    content = mask[rows, columns].astype(np.uint8) * 255
    resized = cv2.resize(content, size_hw[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized) > 127
