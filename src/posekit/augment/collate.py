"""Formatted pictures stacked to a batch."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posekit.augment.format import FormattedSample
from posekit.errors import ShapeError
from posekit.sample import Batch, Targets

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[Any]
Join = Callable[[Sequence[Array]], Array]


def collate(formatted: Sequence[FormattedSample]) -> Batch:
    """Stack B pictures of one size and join their objects, those of one picture together, in order.

    Returns:
        Images (B, 3, H, W) uint8, the samples, and targets; see `Targets` for their shapes.

    Raises:
        ShapeError: there is no picture, the pictures differ in size, or only some have keypoints or masks.
    """
    if not formatted:
        raise ShapeError("a batch needs at least one picture")
    _check_sizes(formatted)
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


def _check_sizes(formatted: Sequence[FormattedSample]) -> None:
    sizes = {one.sample.size for one in formatted}
    if len(sizes) > 1:
        raise ShapeError(f"pictures of one batch must be of one size, but they have {sorted(sizes)} pixels")


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
