"""The labelled objects of a batch, sorted into slots per picture."""

from dataclasses import dataclass

import torch
from torch import Tensor

from posekit.errors import ShapeError
from posekit.models.yolo.losses.instance_masks import IndexMaps, InstanceMasks, MaskStack
from posekit.ops.boxes import xywh_to_xyxy
from posekit.sample import Targets


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
        return Objects(
            labels=self.labels[pictures],
            boxes=self.boxes[pictures],
            valid=self.valid[pictures],
            keypoints=None if self.keypoints is None else self.keypoints[pictures],
            masks=None if self.masks is None else self.masks.take(pictures),
            semantic=None if self.semantic is None else self.semantic[pictures],
            outlined=None if self.outlined is None else self.outlined[pictures],
        )

    def are_outlined(self, pictures: Tensor, slots: Tensor) -> Tensor:
        """Return whether the masks of the objects in slots (P,) of pictures (P,) are known, (P,) bool."""
        if self.outlined is None:
            return torch.ones_like(slots, dtype=torch.bool)
        return self.outlined[pictures, slots]

    def require_keypoints(self) -> Tensor:
        """Return the keypoints (B, M, K, 3).

        Raises:
            ShapeError: the targets of a batch have none.
        """
        if self.keypoints is None:
            raise ShapeError("keypoint losses need targets with keypoints (n, K, 3), found none")
        return self.keypoints

    def require_masks(self) -> InstanceMasks:
        """Return the masks.

        Raises:
            ShapeError: the targets of a batch have none.
        """
        if self.masks is None:
            raise ShapeError("mask losses need targets with masks, found none")
        return self.masks


def pack_objects(targets: Targets, batch: int, size: tuple[float, float], dtype: torch.dtype) -> Objects:
    """Sort the targets of a batch into slots.

    Args:
        targets: n objects; fractions of the network input.
        batch: number of pictures B.
        size: (H, W) of the network input in pixels.
        dtype: floating-point type of the result.
    """
    pictures = targets.pictures.long()
    slots, most = _slots(pictures, batch)
    scale = targets.boxes.new_tensor((size[1], size[0], size[1], size[0]), dtype=dtype)
    boxes = _packed(xywh_to_xyxy(targets.boxes.to(dtype) * scale), pictures, slots, (batch, most))
    valid = boxes.sum(2) > 0
    keypoints = None
    if targets.keypoints is not None:
        scale = targets.boxes.new_tensor((size[1], size[0], 1.0), dtype=dtype)
        keypoints = _packed(targets.keypoints.to(dtype) * scale, pictures, slots, (batch, most))
    return Objects(
        labels=_packed(targets.classes.long(), pictures, slots, (batch, most)),
        boxes=boxes,
        valid=valid,
        keypoints=keypoints,
        masks=_masks(targets, pictures, slots, valid),
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


def _masks(targets: Targets, pictures: Tensor, slots: Tensor, valid: Tensor) -> InstanceMasks | None:
    if targets.masks is None:
        return None
    if targets.overlap:
        return IndexMaps(maps=targets.masks, slots=valid.shape[1])
    rows = torch.arange(len(pictures), device=pictures.device)
    return MaskStack(
        stack=targets.masks, rows=_packed(rows, pictures, slots, (valid.shape[0], valid.shape[1])), valid=valid
    )
