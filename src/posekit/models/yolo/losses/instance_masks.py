"""True instance masks in the two forms a data set can give them."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from posekit.models.yolo.losses.mask_pixels import MaskPixels


class InstanceMasks(Protocol):
    """The true masks of the objects of B pictures, at one size (h, w)."""

    @property
    def size(self) -> tuple[int, int]:
        """(h, w) of the masks."""
        ...

    def at(self, picture: int, slots: Tensor, pixels: MaskPixels) -> Tensor:
        """Return which pixels (T,) of a picture belong to the object that is asked for, (T,) bool.

        `slots` (k,) are the slots of the objects in whose boxes the pixels are.
        """
        ...

    def areas(self) -> Tensor:
        """Return the pixels of each object, (B, M) int64."""
        ...

    def covered(self) -> Tensor:
        """Return where there is any object: (B, h, w) bool."""
        ...

    def resized(self, size: tuple[int, int]) -> "InstanceMasks":
        """Return the masks at another size (h, w), each pixel from its nearest."""
        ...

    def take(self, pictures: slice) -> "InstanceMasks":
        """Return the masks of some of the pictures."""
        ...


@dataclass(frozen=True, kw_only=True)
class IndexMaps:
    """One map per picture, in which each pixel belongs to one object.

    Attributes:
        maps: (B, h, w), 0 background, i + 1 the object in slot i.
        slots: number of slots M.
    """

    maps: Tensor
    slots: int

    @property
    def size(self) -> tuple[int, int]:
        """(h, w) of the masks."""
        return self.maps.shape[1], self.maps.shape[2]

    def at(self, picture: int, slots: Tensor, pixels: MaskPixels) -> Tensor:
        """Return which pixels (T,) of a picture belong to the object in slots (k,) that is asked for, (T,) bool."""
        return self.maps[picture, pixels.rows, pixels.columns] == slots[pixels.owners] + 1

    def areas(self) -> Tensor:
        """Return the pixels of each object, (B, M) int64."""
        values, batch = self.slots + 1, len(self.maps)
        firsts = torch.arange(batch, device=self.maps.device)[:, None] * values
        counts = (self.maps.flatten(1).long() + firsts).flatten().bincount(minlength=batch * values)
        return counts.view(batch, values)[:, 1:]

    def covered(self) -> Tensor:
        """Return where there is any object: (B, h, w) bool."""
        return self.maps > 0

    def resized(self, size: tuple[int, int]) -> "IndexMaps":
        """Return the maps at another size (h, w), each pixel from its nearest."""
        return IndexMaps(maps=resize_nearest(self.maps, size), slots=self.slots)

    def take(self, pictures: slice) -> "IndexMaps":
        """Return the maps of some of the pictures."""
        return IndexMaps(maps=self.maps[pictures], slots=self.slots)


@dataclass(frozen=True, kw_only=True)
class MaskStack:
    """One mask per object; masks may overlap.

    Attributes:
        stack: (n, h, w), above 0.5 inside the object.
        rows: (B, M) int64 row of the stack by picture and slot.
        valid: (B, M) bool, False for slots without object.
    """

    stack: Tensor
    rows: Tensor
    valid: Tensor

    @property
    def size(self) -> tuple[int, int]:
        """(h, w) of the masks."""
        return self.stack.shape[1], self.stack.shape[2]

    def at(self, picture: int, slots: Tensor, pixels: MaskPixels) -> Tensor:
        """Return which pixels (T,) of a picture belong to the object in slots (k,) that is asked for, (T,) bool."""
        return self.stack[self.rows[picture, slots][pixels.owners], pixels.rows, pixels.columns] > 0.5

    def areas(self) -> Tensor:
        """Return the pixels of each object, (B, M) int64."""
        return (self.stack > 0.5).sum((1, 2))[self.rows] * self.valid

    def covered(self) -> Tensor:
        """Return where there is any object: (B, h, w) bool."""
        pictures, slots = self.valid.nonzero(as_tuple=True)
        cover = self.stack.new_zeros((len(self.rows), *self.size))
        cover.index_add_(0, pictures, (self.stack[self.rows[pictures, slots]] > 0.5).to(cover))
        return cover > 0

    def resized(self, size: tuple[int, int]) -> "MaskStack":
        """Return the masks at another size (h, w), each pixel from its nearest."""
        return MaskStack(stack=resize_nearest(self.stack, size), rows=self.rows, valid=self.valid)

    def take(self, pictures: slice) -> "MaskStack":
        """Return the masks of some of the pictures."""
        return MaskStack(stack=self.stack, rows=self.rows[pictures], valid=self.valid[pictures])


def resize_nearest(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Return maps (n, h, w) at another size, each pixel from its nearest; `maps` itself when the sizes agree."""
    if tuple(maps.shape[1:]) == tuple(size):
        return maps
    floats = maps if torch.is_floating_point(maps) else maps.float()
    return interpolate(floats[None], size, mode="nearest")[0].to(maps.dtype)
