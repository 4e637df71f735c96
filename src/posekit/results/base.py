"""`BaseTensor`: rows of one kind of prediction, held as a torch tensor or a NumPy array."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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
        return type(self)(self.data[index_for(self.data, index)], self.orig_shape)

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


def row_like(data: Array, values: Sequence[float]) -> Array:
    """Return `values` as a 1-D float32 row of the same kind, and on the same device, as `data`."""
    if isinstance(data, Tensor):
        return torch.tensor(values, dtype=torch.float32, device=data.device)
    return np.array(values, np.float32)


def index_for(data: Array, index: Index) -> Any:
    """Return an index in the kind that `data` understands: masks may come from either library."""
    if isinstance(index, Tensor) and not isinstance(data, Tensor):
        return index.cpu().numpy()
    if isinstance(index, np.ndarray) and isinstance(data, Tensor):
        return torch.from_numpy(index)
    return index
