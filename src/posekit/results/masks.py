"""`Masks`: instance masks of the detections on one picture, and their outlines."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from posekit.errors import ShapeError
from posekit.ops.letterbox import Letterbox
from posekit.ops.polygons import mask_to_polygon, polygon_to_original
from posekit.results.base import Array, BaseTensor, as_numpy


class Masks(BaseTensor):
    """N masks.

    Attributes:
        data: (N, h, w) of 0 and 1, uint8; h x w is the network input with its letterbox padding, or
            the original picture (`retina_masks`). A single mask is accepted as 2-D.
        orig_shape: (H, W) of the original picture.
    """

    def __init__(self, data: Array, orig_shape: tuple[int, int]) -> None:
        if data.ndim == 2:
            data = data[None]
        if data.ndim != 3:
            raise ShapeError(f"masks of shape {tuple(data.shape)}: expected (N, h, w)")
        super().__init__(data, orig_shape)

    @cached_property
    def xy(self) -> list[NDArray[np.float32]]:
        """Outline of each mask, (P, 2) float32 x, y in pixels of the original picture.

        Several parts of a mask are joined into one polygon; an empty mask gives (0, 2).
        """
        _, height, width = self.shape
        letterbox = Letterbox.between((height, width), self.orig_shape)
        return [polygon_to_original(mask_to_polygon(mask), letterbox) for mask in as_numpy(self.data)]

    @cached_property
    def xyn(self) -> list[NDArray[np.float32]]:
        """The outlines of `xy` divided by the picture's width and height."""
        size = np.array(self.orig_shape[::-1], np.float32)
        return [outline / size for outline in self.xy]
