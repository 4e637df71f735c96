"""What the losses compare: the labelled objects of a batch in slots per picture, their masks, and decoded outputs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from posekit.errors import ShapeError
from posekit.models.yolo.decode import AnchorPoints, DecodeRule, anchor_points, decode_boxes, decode_keypoints
from posekit.models.yolo.heads import BranchOutputs
from posekit.ops.boxes import xywh_to_xyxy
from posekit.sample import Targets

ALPHA, BETA = 0.5, 6.0  # exponents of class score and overlap


@dataclass(frozen=True, kw_only=True)
class MaskPixels:
    """The T pixels inside k boxes of one picture, box after box: most of a map need not be looked at.

    Attributes:
        owners: (T,) int64 which of the boxes.
        rows: (T,) int64 y.
        columns: (T,) int64 x.
    """

    owners: Tensor
    rows: Tensor
    columns: Tensor

    @classmethod
    def inside(cls, boxes: Tensor, size: tuple[int, int]) -> "MaskPixels":
        """Return the pixels of a map (h, w) inside corner boxes (k, 4): column c when x1 <= c < x2, rows likewise."""
        limit = boxes.new_tensor((size[1], size[0])).repeat(2)
        edges = boxes.ceil().nan_to_num().clamp(boxes.new_zeros(4), limit).long()  # a diverged network gives NaN
        near, far = edges.chunk(2, 1)
        widths, heights = (far - near).clamp(min=0).unbind(1)
        counts = widths * heights
        owners = torch.repeat_interleave(counts)
        places = torch.arange(len(owners), device=boxes.device) - (counts.cumsum(0) - counts)[owners]
        y = places.div(widths[owners], rounding_mode="floor")
        x = places - y * widths[owners]
        return cls(owners=owners, rows=y + near[owners, 1], columns=x + near[owners, 0])

    def logits(self, coefficients: Tensor, prototypes: Tensor) -> Tensor:
        """Return mask logits (T,) from coefficients (k, nm) of the boxes and prototypes (nm, h, w)."""
        maps = (coefficients @ prototypes.flatten(1)).view(-1, *prototypes.shape[1:])
        return maps[self.owners, self.rows, self.columns]


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
        """See `InstanceMasks`."""
        return self.maps.shape[1], self.maps.shape[2]

    def at(self, picture: int, slots: Tensor, pixels: MaskPixels) -> Tensor:
        """See `InstanceMasks`."""
        return self.maps[picture, pixels.rows, pixels.columns] == slots[pixels.owners] + 1

    def areas(self) -> Tensor:
        """See `InstanceMasks`."""
        values, batch = self.slots + 1, len(self.maps)
        firsts = torch.arange(batch, device=self.maps.device)[:, None] * values
        counts = (self.maps.flatten(1).long() + firsts).flatten().bincount(minlength=batch * values)
        return counts.view(batch, values)[:, 1:]

    def covered(self) -> Tensor:
        """See `InstanceMasks`."""
        return self.maps > 0

    def resized(self, size: tuple[int, int]) -> "IndexMaps":
        """See `InstanceMasks`."""
        return IndexMaps(maps=resize_nearest(self.maps, size), slots=self.slots)

    def take(self, pictures: slice) -> "IndexMaps":
        """See `InstanceMasks`."""
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
        """See `InstanceMasks`."""
        return self.stack.shape[1], self.stack.shape[2]

    def at(self, picture: int, slots: Tensor, pixels: MaskPixels) -> Tensor:
        """See `InstanceMasks`."""
        return self.stack[self.rows[picture, slots][pixels.owners], pixels.rows, pixels.columns] > 0.5

    def areas(self) -> Tensor:
        """See `InstanceMasks`."""
        return (self.stack > 0.5).sum((1, 2))[self.rows] * self.valid

    def covered(self) -> Tensor:
        """See `InstanceMasks`."""
        pictures, slots = self.valid.nonzero(as_tuple=True)
        cover = self.stack.new_zeros((len(self.rows), *self.size))
        cover.index_add_(0, pictures, (self.stack[self.rows[pictures, slots]] > 0.5).to(cover))
        return cover > 0

    def resized(self, size: tuple[int, int]) -> "MaskStack":
        """See `InstanceMasks`."""
        return MaskStack(stack=resize_nearest(self.stack, size), rows=self.rows, valid=self.valid)

    def take(self, pictures: slice) -> "MaskStack":
        """See `InstanceMasks`."""
        return MaskStack(stack=self.stack, rows=self.rows[pictures], valid=self.valid[pictures])


def resize_nearest(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Return maps (n, h, w) at another size, each pixel from its nearest; `maps` itself when the sizes agree."""
    if tuple(maps.shape[1:]) == tuple(size):
        return maps
    floats = maps if torch.is_floating_point(maps) else maps.float()
    return interpolate(floats[None], size, mode="nearest")[0].to(maps.dtype)


@dataclass(frozen=True, kw_only=True)
class Objects:
    """Objects of B pictures in M slots, M the most objects of one picture; later slots are zero.

    Everything is in pixels of the network input.

    Attributes:
        labels: (B, M) int64 class.
        boxes: (B, M, 4) corners x1 y1 x2 y2.
        valid: (B, M) bool, False for slots without object.
        keypoints: (B, M, K, 3) x, y, visibility; None without keypoints.
        masks: true masks; None without.
        semantic: (B, h, w) class of the object over each pixel, arbitrary where there is none; None without masks.
        outlined: (B, M) bool, False for objects whose mask nobody knows; None when all masks are known.
    """

    labels: Tensor
    boxes: Tensor
    valid: Tensor
    keypoints: Tensor | None = None
    masks: InstanceMasks | None = None
    semantic: Tensor | None = None
    outlined: Tensor | None = None

    def take(self, pictures: slice) -> "Objects":
        """Return the objects of some of the pictures."""
        parts: dict[str, Any] = {name: part[pictures] for name, part in vars(self).items() if isinstance(part, Tensor)}
        return replace(self, **parts, masks=None if self.masks is None else self.masks.take(pictures))

    def are_outlined(self, pictures: Tensor, slots: Tensor) -> Tensor:
        """Return whether the masks of the objects in slots (P,) of pictures (P,) are known, (P,) bool."""
        if self.outlined is None:
            return torch.ones_like(slots, dtype=torch.bool)
        return self.outlined[pictures, slots]

    def require_keypoints(self) -> Tensor:
        """Return the keypoints (B, M, K, 3), or raise a ShapeError where the targets of a batch have none."""
        if self.keypoints is None:
            raise ShapeError("keypoint losses need targets with keypoints (n, K, 3), found none")
        return self.keypoints

    def require_masks(self) -> InstanceMasks:
        """Return the masks, or raise a ShapeError where the targets of a batch have none."""
        if self.masks is None:
            raise ShapeError("mask losses need targets with masks, found none")
        return self.masks


def pack_objects(targets: Targets, batch: int, size: tuple[float, float], dtype: torch.dtype) -> Objects:
    """Sort the targets of a batch of B pictures, fractions of a network input (H, W), into slots."""
    pictures = targets.pictures.long()
    slots, most = _slots(pictures, batch)
    scale = targets.boxes.new_tensor((size[1], size[0], size[1], size[0]), dtype=dtype)
    boxes = _packed(xywh_to_xyxy(targets.boxes.to(dtype) * scale), pictures, slots, (batch, most))
    valid = boxes.sum(2) > 0
    keypoints = None
    if targets.keypoints is not None:
        scale = targets.boxes.new_tensor((size[1], size[0], 1.0), dtype=dtype)
        keypoints = _packed(targets.keypoints.to(dtype) * scale, pictures, slots, (batch, most))
    masks: InstanceMasks | None = None
    if targets.masks is not None and targets.overlap:
        masks = IndexMaps(maps=targets.masks, slots=most)
    elif targets.masks is not None:
        rows = torch.arange(len(pictures), device=pictures.device)
        masks = MaskStack(stack=targets.masks, rows=_packed(rows, pictures, slots, (batch, most)), valid=valid)
    return Objects(
        labels=_packed(targets.classes.long(), pictures, slots, (batch, most)),
        boxes=boxes,
        valid=valid,
        keypoints=keypoints,
        masks=masks,
        semantic=targets.semantic,
        outlined=None if targets.outlined is None else _packed(targets.outlined, pictures, slots, (batch, most)),
    )


def _slots(pictures: Tensor, batch: int) -> tuple[Tensor, int]:
    """Return each object's place (n,) among those of its picture, and the most objects of one picture."""
    counts = pictures.bincount(minlength=batch)
    order = pictures.argsort(stable=True)
    starts = counts.cumsum(0) - counts
    slots = torch.empty_like(pictures)
    slots[order] = torch.arange(len(pictures), device=pictures.device) - starts[pictures[order]]
    return slots, int(counts.max())


def _packed(values: Tensor, pictures: Tensor, slots: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return values (n, ...) as (B, M, ...), zero where there is no object."""
    packed = values.new_zeros((*shape, *values.shape[1:]))
    packed[pictures, slots] = values
    return packed


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Anchor points of all levels, finest first, each level row by row.

    Attributes:
        points: (N, 2) x and y in cells.
        strides: (N,) input pixels per cell.
        levels: stride of each level, finest first.
        size: (H, W) of the network input in pixels.
    """

    points: Tensor
    strides: Tensor
    levels: tuple[float, ...]
    size: tuple[float, float]

    @classmethod
    def of(cls, feats: Sequence[Tensor], levels: Sequence[float], dtype: torch.dtype) -> "Grid":
        """Return the grid of feature maps (B, C_i, H_i, W_i), of which only the sizes matter."""
        # One channel is enough, and half precision could not count the cells.
        anchors = anchor_points([feat[:1, :1].to(dtype) for feat in feats], levels)
        height, width = feats[0].shape[-2:]
        size = (height * levels[0], width * levels[0])
        return cls(points=anchors.points.T, strides=anchors.strides, levels=tuple(levels), size=size)

    @property
    def pixels(self) -> Tensor:
        """(N, 2) x and y in input pixels."""
        return self.points * self.strides[:, None]

    @property
    def anchors(self) -> AnchorPoints:
        """The same points as `decode` wants them."""
        return AnchorPoints(points=self.points.T, strides=self.strides)


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """Decoded outputs without gradient, in pixels of the network input.

    Attributes:
        scores: (B, nc, N) class probabilities.
        boxes: (B, N, 4) corners x1 y1 x2 y2.
        keypoints: (B, N, K, 2) x, y; None without keypoints.
        coefficients: (B, N, nm) mask coefficients; None without masks.
        prototypes: (B, nm, mh, mw) mask prototypes; None without masks.
        prototype_stride: input pixels per pixel of the prototypes.
    """

    scores: Tensor
    boxes: Tensor
    keypoints: Tensor | None = None
    coefficients: Tensor | None = None
    prototypes: Tensor | None = None
    prototype_stride: float = 4.0

    @classmethod
    def of(cls, raw: BranchOutputs, grid: Grid, rule: DecodeRule) -> "Decoded":
        """Decode raw outputs (float32 or float64)."""
        keypoints = coefficients = prototypes = None
        stride = 4.0
        if "kpts" in raw:
            points = decode_keypoints(raw["kpts"].detach(), grid.anchors, rule)  # (B, K, D, N)
            keypoints = points[:, :, :2].permute(0, 3, 1, 2)
        if "mask_coefficient" in raw:
            coefficients, prototypes = raw["mask_coefficient"].detach().transpose(1, 2), raw["proto"].detach()
            stride = grid.size[0] / prototypes.shape[2]
        return cls(
            scores=raw["scores"].detach().sigmoid(),
            boxes=decode_boxes(raw["boxes"].detach(), grid.anchors, rule).transpose(1, 2),
            keypoints=keypoints,
            coefficients=coefficients,
            prototypes=prototypes,
            prototype_stride=stride,
        )

    def take(self, pictures: slice) -> "Decoded":
        """Return the outputs of some of the pictures."""
        parts: dict[str, Any] = {name: part[pictures] for name, part in vars(self).items() if isinstance(part, Tensor)}
        return replace(self, **parts)


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Pairs of an object and an anchor point, sorted by picture, then slot, then anchor.

    Attributes:
        pictures: (P,) int64.
        slots: (P,) int64 slot of the object in its picture.
        anchors: (P,) int64 anchor point.
    """

    pictures: Tensor
    slots: Tensor
    anchors: Tensor

    @classmethod
    def where(cls, mask: Tensor) -> "Pairs":
        """Return the pairs at which a mask (B, M, N) is true."""
        pictures, slots, anchors = mask.nonzero(as_tuple=True)
        return cls(pictures=pictures, slots=slots, anchors=anchors)

    def spread(self, values: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Return values (P,) of the pairs as (B, M, N), zero elsewhere."""
        dense = values.new_zeros(shape)
        dense[self.pictures, self.slots, self.anchors] = values
        return dense


def alignment(pairs: Pairs, overlap: Tensor, objects: Objects, decoded: Decoded) -> Tensor:
    """Return how well anchor points fit objects, (P,): class score and overlap (P,), each to its exponent.

    This is the metric of task-aligned assignment (Feng et al. 2021, arXiv:2108.07755).
    """
    labels = objects.labels[pairs.pictures, pairs.slots]
    scores = decoded.scores[pairs.pictures, labels, pairs.anchors]
    return scores.pow(ALPHA) * overlap.pow(BETA)
