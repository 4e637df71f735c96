"""Reads tensors out of an archive, after checking that each lies inside its storage."""

import math
import sys
from typing import TYPE_CHECKING

from posekit.checkpoint.archive import Archive
from posekit.checkpoint.inert import StorageRef, TensorRef
from posekit.errors import CheckpointError

if TYPE_CHECKING:
    import torch

_MAX_AXES = 16
_MAX_LENGTH = 2**40


class TensorReader:
    """Turns references into tensors that own their memory.

    Args:
        archive: the open file that the references come from.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._storages: dict[StorageRef, torch.Tensor] = {}
        # A file may name one storage many times; honest networks hold each number about once.
        self._elements_left = archive.file_size

    def read(self, ref: TensorRef) -> "torch.Tensor":
        """Return the tensor of `ref` in its stored dtype, contiguous, on the CPU.

        Raises:
            CheckpointError: if the view leaves its storage, the storage is missing or of another
                size than declared, or all tensors together are larger than the file.
        """
        import torch

        count = _checked_count(ref)
        self._elements_left -= count
        if self._elements_left < 0:
            raise CheckpointError("the tensors together hold more numbers than the file has bytes")
        if count == 0:
            return torch.empty(ref.size, dtype=getattr(torch, ref.storage.dtype))
        view = self._storage(ref.storage).as_strided(ref.size, ref.stride, ref.offset)
        return view.clone(memory_format=torch.contiguous_format)

    def _storage(self, ref: StorageRef) -> "torch.Tensor":
        import torch

        if ref not in self._storages:
            dtype: torch.dtype = getattr(torch, ref.dtype)
            raw = bytearray(self._archive.storage(ref.key, ref.count * dtype.itemsize))
            if self._archive.byteorder != sys.byteorder:
                _swap_bytes(raw, dtype.itemsize)
            self._storages[ref] = torch.frombuffer(raw, dtype=dtype)
        return self._storages[ref]


def _checked_count(ref: TensorRef) -> int:
    """Return the number of elements of a view that stays inside its storage."""
    sound = (
        len(ref.size) == len(ref.stride) <= _MAX_AXES
        and all(0 <= value < _MAX_LENGTH for value in (ref.offset, *ref.size, *ref.stride))
        # torch multiplies the other sides of an empty tensor too
        and math.prod(max(length, 1) for length in ref.size) < _MAX_LENGTH
    )
    if not sound:
        raise CheckpointError(f"a tensor on storage {ref.storage.key} has an impossible shape or stride")
    count = math.prod(ref.size)
    last = ref.offset + sum((length - 1) * step for length, step in zip(ref.size, ref.stride, strict=True))
    # A stride of 0 stays inside any storage: the count bounds what such a view can grow to.
    if count and (last >= ref.storage.count or count > ref.storage.count):
        raise CheckpointError(
            f"a tensor of shape {ref.size} reaches beyond its storage {ref.storage.key} of {ref.storage.count} elements"
        )
    return count


def _swap_bytes(raw: bytearray, item_size: int) -> None:
    """Reverse the bytes of each item in place."""
    import numpy as np

    if item_size > 1:
        np.frombuffer(raw, dtype=f"u{item_size}").byteswap(inplace=True)
