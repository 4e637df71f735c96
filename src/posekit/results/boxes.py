"""`Boxes`: corners, confidence, class and track id of the detections on one picture."""

import numpy as np
from torch import Tensor

from posekit.errors import ShapeError
from posekit.ops.boxes import clip_boxes, xyxy_to_xywh
from posekit.results.base import Array, BaseTensor, row_like


class Boxes(BaseTensor):
    """N boxes in pixels of the original picture.

    Attributes:
        data: (N, 6) x1 y1 x2 y2 conf cls, or (N, 7) x1 y1 x2 y2 id conf cls; a single row is accepted as 1-D.
        orig_shape: (H, W) of the original picture.
    """

    def __init__(self, data: Array, orig_shape: tuple[int, int]) -> None:
        if data.ndim == 1:
            data = data[None]
        if data.ndim != 2 or data.shape[1] not in (6, 7):
            raise ShapeError(
                f"boxes of shape {tuple(data.shape)}: expected (N, 6) x1 y1 x2 y2 conf cls "
                "or (N, 7) x1 y1 x2 y2 id conf cls"
            )
        super().__init__(data, orig_shape)

    @property
    def xyxy(self) -> Array:
        """(N, 4) corners x1 y1 x2 y2, pixels."""
        return self.data[:, :4]

    @property
    def conf(self) -> Array:
        """(N,) confidence, 0 to 1."""
        return self.data[:, -2]

    @property
    def cls(self) -> Array:
        """(N,) class number, as float."""
        return self.data[:, -1]

    @property
    def id(self) -> Array | None:
        """(N,) track id, as float; None without tracking."""
        return self.data[:, -3] if self.is_track else None

    @property
    def is_track(self) -> bool:
        """Whether the boxes carry track ids."""
        return self.data.shape[1] == 7

    @property
    def xywh(self) -> Array:
        """(N, 4) centre x, centre y, width, height, pixels."""
        return _centre_size(self.xyxy)

    @property
    def xyxyn(self) -> Array:
        """(N, 4) corners divided by the picture's width and height."""
        return self.xyxy / self._width_height_twice()

    @property
    def xywhn(self) -> Array:
        """(N, 4) centre x, centre y, width, height divided by the picture's width and height."""
        return self.xywh / self._width_height_twice()

    def clipped(self) -> "Boxes":
        """Return a copy with the corners moved into the picture."""
        if isinstance(self.data, Tensor):
            moved: Array = self.data.clone()
            moved[:, :4] = clip_boxes(self.data[:, :4], self.orig_shape)
        else:
            moved = self.data.copy()
            moved[:, :4] = np.clip(moved[:, :4], 0, np.tile(self.orig_shape[::-1], 2))
        return Boxes(moved, self.orig_shape)

    def _width_height_twice(self) -> Array:
        height, width = self.orig_shape
        return row_like(self.data, (width, height, width, height))


def _centre_size(corners: Array) -> Array:
    """Turn (N, 4) corners into centres and sizes."""
    if isinstance(corners, Tensor):
        return xyxy_to_xywh(corners)
    near, far = corners[:, :2], corners[:, 2:]
    return np.concatenate([(near + far) / 2, far - near], axis=1)
