"""`Boxes`, `Keypoints` and `Masks`: rows of one kind of prediction, as a torch tensor or a NumPy array."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posekit.errors import ShapeError
from posekit.ops.boxes import clip_boxes, xyxy_to_xywh
from posekit.ops.letterbox import Letterbox
from posekit.ops.polygons import mask_to_polygon, polygon_to_original
from posekit.sample import Picture

if TYPE_CHECKING:
    from typing_extensions import Self


Array: TypeAlias = Tensor | NDArray[Any]
Index: TypeAlias = int | slice | Sequence[int] | Sequence[bool] | Tensor | NDArray[Any]


class BaseTensor:
    """N rows of predictions on one picture.

    Attributes:
        data: (N, ...) tensor or array.
        orig_shape: (H, W) of the original picture, in pixels.
    """

    def __init__(self, data: Array, orig_shape: tuple[int, int]) -> None:
        self.data = data
        self.orig_shape = orig_shape

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of `data`."""
        return tuple(self.data.shape)

    def __len__(self) -> int:
        return self.data.shape[0]

    def __getitem__(self, index: Index) -> "Self":
        """Return the chosen rows; an int gives an object with one row."""
        return type(self)(self.data[_index_for(self.data, index)], self.orig_shape)

    def __iter__(self) -> "Iterator[Self]":
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(shape={self.shape}, orig_shape={self.orig_shape}, data=\n{self.data})"

    def cpu(self) -> "Self":
        """Return a copy in main memory."""
        return type(self)(self.data.cpu() if isinstance(self.data, Tensor) else self.data, self.orig_shape)

    def numpy(self) -> "Self":
        """Return a copy that holds a NumPy array."""
        return type(self)(as_numpy(self.data), self.orig_shape)

    def cuda(self) -> "Self":
        """Return a copy on the current CUDA device."""
        return type(self)(torch.as_tensor(self.data).cuda(), self.orig_shape)

    def to(self, *args: Any, **kwargs: Any) -> "Self":
        """Return a copy that holds a tensor, converted by `torch.Tensor.to` with the same arguments."""
        return type(self)(torch.as_tensor(self.data).to(*args, **kwargs), self.orig_shape)


def as_numpy(data: Array) -> NDArray[Any]:
    """Return the values as a NumPy array in main memory."""
    return data.detach().cpu().numpy() if isinstance(data, Tensor) else data


def _row_like(data: Array, values: Sequence[float]) -> Array:
    """Return `values` as a 1-D float32 row of the same kind, and on the same device, as `data`."""
    if isinstance(data, Tensor):
        return torch.tensor(values, dtype=torch.float32, device=data.device)
    return np.array(values, np.float32)


def _index_for(data: Array, index: Index) -> Any:
    """Return an index in the kind that `data` understands: masks may come from either library."""
    if isinstance(index, Tensor) and not isinstance(data, Tensor):
        return index.cpu().numpy()
    if isinstance(index, np.ndarray) and isinstance(data, Tensor):
        return torch.from_numpy(index)
    return index


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
        return _row_like(self.data, (width, height, width, height))


def _centre_size(corners: Array) -> Array:
    """Turn (N, 4) corners into centres and sizes."""
    if isinstance(corners, Tensor):
        return xyxy_to_xywh(corners)
    near, far = corners[:, :2], corners[:, 2:]
    return np.concatenate([(near + far) / 2, far - near], axis=1)


class Keypoints(BaseTensor):
    """K points for each of N objects, in pixels of the original picture.

    Attributes:
        data: (N, K, 2) x y, or (N, K, 3) x y confidence (0 to 1); a single object is accepted as 2-D.
        orig_shape: (H, W) of the original picture.
    """

    def __init__(self, data: Array, orig_shape: tuple[int, int]) -> None:
        if data.ndim == 2:
            data = data[None]
        if data.ndim != 3 or data.shape[2] not in (2, 3):
            raise ShapeError(
                f"keypoints of shape {tuple(data.shape)}: expected (N, K, 2) x y or (N, K, 3) x y confidence"
            )
        super().__init__(data, orig_shape)

    @property
    def xy(self) -> Array:
        """(N, K, 2) x, y, pixels, as predicted whatever their confidence."""
        return self.data[..., :2]

    @property
    def xyn(self) -> Array:
        """(N, K, 2) x, y divided by the picture's width and height."""
        height, width = self.orig_shape
        return self.xy / _row_like(self.data, (width, height))

    @property
    def conf(self) -> Array | None:
        """(N, K) confidence of each point, 0 to 1; None for models without it."""
        return self.data[..., 2] if self.has_visible else None

    @property
    def has_visible(self) -> bool:
        """Whether each point carries a confidence."""
        return self.data.shape[2] == 3


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


def picture_size(image: Picture | Tensor) -> tuple[int, int]:
    """Return (H, W) of an (H, W, 3) array or a (3, H, W) tensor.

    Raises:
        ShapeError: it is neither.
    """
    shape = tuple(image.shape)
    if isinstance(image, Tensor):
        if len(shape) == 3:
            return int(shape[1]), int(shape[2])
    elif len(shape) in (2, 3):
        return shape[0], shape[1]
    raise ShapeError(f"orig_img of shape {shape}: expected an (H, W, 3) array or a (3, H, W) tensor")


def bgr_pixels(image: Picture | Tensor) -> Picture:
    """Return (H, W, 3) uint8 BGR pixels; an array is returned as it is.

    Args:
        image: (H, W, 3) uint8 BGR array, or (3, H, W) float RGB tensor in [0, 1].
    """
    if not isinstance(image, Tensor):
        return image
    rgb = (image.detach().float().clamp(0, 1) * 255).round().byte().permute(1, 2, 0)
    return np.ascontiguousarray(rgb.cpu().numpy()[..., ::-1])
