"""A finished sample in the form that networks and losses take, one picture at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from posekit.augment.objects import select_objects
from posekit.errors import ShapeError
from posekit.ops.polygons import index_map, overlap_order, separate_masks
from posekit.sample import Batch, Floats, Sample, Targets

if TYPE_CHECKING:
    from torch import Tensor


Array = NDArray[Any]
Join = Callable[[Sequence[Array]], Array]


@dataclass(frozen=True, kw_only=True)
class MaskForm:
    """How outlines become masks.

    Attributes:
        overlap: one index map per picture instead of one mask per object.
        ratio: masks are this many times smaller than the picture.
    """

    overlap: bool = True
    ratio: int = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class FormattedSample:
    """One picture (H, W) with n objects, ready to be joined to a batch.

    Attributes:
        sample: what it was made from, objects in the same order.
        image: (3, H, W) uint8 planes, RGB unless red and blue were swapped.
        boxes: (n, 4) float32 centre x, centre y, width, height as fractions of the picture.
        keypoints: (n, K, 3) float32 x, y as the same fractions, visibility; None without keypoints.
        masks: (1, h, w) index map, 0 background, i + 1 the i-th object, or (n, h, w) 0 or 1; None without outlines.
        semantic: (h, w) float32 class of the smallest object over each pixel, 0 where there is none; None without
            outlines.
        overlap: which of the two forms `masks` has.
    """

    sample: Sample
    image: NDArray[np.uint8]
    boxes: Floats
    keypoints: Floats | None = None
    masks: NDArray[np.uint8] | NDArray[np.int32] | None = None
    semantic: Floats | None = None
    overlap: bool = True

    @property
    def outlined(self) -> NDArray[np.bool_] | None:
        """(n,) bool, which objects have an outline; None without masks."""
        if self.masks is None:
            return None
        polygons = self.sample.polygons
        if polygons is None:
            return np.zeros(len(self.boxes), np.bool_)
        return np.array([len(polygon) > 0 for polygon in polygons], np.bool_)


def format_sample(sample: Sample, *, masks: MaskForm | None = None, swap_colours: bool = False) -> FormattedSample:
    """Bring a sample, whose objects are within the picture, into the form of training targets.

    Args:
        sample: boxes, keypoints and outlines in pixels.
        masks: form of the masks; None when the task needs none. With an index map the objects come out from the
            largest mask to the smallest.
        swap_colours: leave the planes as BGR.
    """
    drawn, semantic, overlap = None, None, True
    if masks is not None:
        overlap = masks.overlap
        separate = _draw_masks(sample, masks.ratio)
        order = overlap_order(separate)
        numbers = index_map(separate[order])
        semantic = np.concatenate(((0,), sample.classes[order])).astype(np.float32)[numbers]
        drawn = numbers[None] if overlap else separate
        sample = select_objects(sample, order) if overlap else sample
    height, width = sample.size
    keypoints = sample.keypoints
    return FormattedSample(
        sample=sample,
        image=_planes(sample, swap_colours=swap_colours),
        boxes=_fractional_boxes(sample),
        keypoints=None if keypoints is None else _divided(keypoints, (width, height, 1)),
        masks=drawn,
        semantic=semantic,
        overlap=overlap,
    )


def _planes(sample: Sample, *, swap_colours: bool) -> NDArray[np.uint8]:
    planes = np.empty((3, *sample.size), np.uint8)
    for channel in range(3):
        cv2.extractChannel(sample.image, channel, planes[channel if swap_colours else 2 - channel])
    return planes


def _fractional_boxes(sample: Sample) -> Floats:
    near, far = sample.boxes[:, :2], sample.boxes[:, 2:]
    height, width = sample.size
    return _divided(np.concatenate(((near + far) / 2, far - near), 1), (width, height, width, height))


def _divided(values: Floats, sides: tuple[int, ...]) -> Floats:
    fractions: Floats = np.divide(values, np.array(sides, np.float32), dtype=np.float32)
    return fractions


def _draw_masks(sample: Sample, ratio: int) -> NDArray[np.uint8]:
    """Return one mask (N, h, w) per object, empty for objects without an outline."""
    height, width = sample.size
    size = height // ratio, width // ratio
    polygons = sample.polygons or (np.zeros((0, 2), np.float32),) * len(sample.boxes)
    if size[0] * ratio != height or size[1] * ratio != width:
        return separate_masks(polygons, sample.size, size)
    masks: NDArray[np.uint8] = np.zeros((len(polygons), *size), np.uint8)
    for mask, polygon in zip(masks, polygons, strict=True):
        if len(polygon):
            _draw_near(mask, polygon, ratio)
    return masks


def _draw_near(mask: NDArray[np.uint8], polygon: Floats, ratio: int) -> None:
    """Draw an outline into a mask that is `ratio` times smaller, working on the cells that it reaches only."""
    height, width = mask.shape
    x, y, pixels_across, pixels_down = cv2.boundingRect(polygon)
    left, top = max(x // ratio, 0), max(y // ratio, 0)
    right, bottom = min(-(-(x + pixels_across) // ratio), width), min(-(-(y + pixels_down) // ratio), height)
    if left >= right or top >= bottom:
        return
    cells = bottom - top, right - left
    moved = polygon - np.array((left * ratio, top * ratio), np.float32)
    mask[top:bottom, left:right] = separate_masks([moved], (cells[0] * ratio, cells[1] * ratio), cells)[0]


def collate(formatted: Sequence[FormattedSample]) -> Batch:
    """Stack B pictures of one size and join their objects, those of one picture together, in order.

    Returns:
        Images (B, 3, H, W) uint8, the samples, and targets; see `Targets` for their shapes.

    Raises:
        ShapeError: there is no picture, the pictures differ in size, or only some have keypoints or masks.
    """
    if not formatted:
        raise ShapeError("a batch needs at least one picture")
    sizes = {one.sample.size for one in formatted}
    if len(sizes) > 1:
        raise ShapeError(f"pictures of one batch must be of one size, but they have {sorted(sizes)} pixels")
    targets = Targets(
        pictures=_tensor([np.repeat(np.arange(len(formatted)), [len(one.boxes) for one in formatted])], np.concatenate),
        classes=_tensor([one.sample.classes for one in formatted], np.concatenate),
        boxes=_tensor([one.boxes for one in formatted], np.concatenate),
        keypoints=_optional("keypoints", [one.keypoints for one in formatted], np.concatenate),
        masks=_optional("masks", [one.masks for one in formatted], np.concatenate),
        overlap=formatted[0].overlap,
        semantic=_optional("semantic maps", [one.semantic for one in formatted], np.stack),
        outlined=_optional("outlines", [one.outlined for one in formatted], np.concatenate),
    )
    images = _tensor([one.image for one in formatted], np.stack)
    return Batch(images=images, samples=[one.sample for one in formatted], letterboxes=[], targets=targets)


def _optional(name: str, parts: Sequence[Array | None], join: Join) -> "Tensor | None":
    given = [part for part in parts if part is not None]
    if not given:
        return None
    if len(given) < len(parts):
        raise ShapeError(f"{len(given)} of {len(parts)} pictures of a batch have {name}: all must have some, or none")
    return _tensor(given, join)


def _tensor(parts: Sequence[Array], join: Join) -> "Tensor":
    from torch import from_numpy

    return from_numpy(join(parts))
