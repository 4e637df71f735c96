"""`Sample`, one picture with its objects, and `Batch`, pictures stacked for a network."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

if TYPE_CHECKING:
    from torch import device

    from posekit.ops.letterbox import Letterbox


Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a picture came from, for console lines and for choosing a writer.

    Attributes:
        kind: "image" (a file), "video" (a file), "stream" (live) or "array" (an object in memory).
        index: 1-based number of the file, or 0-based number of the array or stream.
        count: how many files, arrays or streams there are; None when not known.
        frame: 1-based number of the frame within a video or stream; None for pictures.
        frames: how many frames the video has; None when not known.
        fps: frames per second of the video or stream; None for pictures.
    """

    kind: Literal["image", "video", "stream", "array"] = "array"
    index: int = 0
    count: int | None = None
    frame: int | None = None
    frames: int | None = None
    fps: float | None = None


@dataclass(kw_only=True)
class Sample:
    """One picture with its objects; everything in pixels of `image`.

    Attributes:
        image: (H, W, 3) uint8, BGR.
        path: file or URL it came from, or a made-up name such as ``image0.jpg``.
        origin: position within its source.
        original_size: (h, w) of the picture file when `image` was resized on reading; None when it was not.
        tensor: (3, H, W) float RGB in [0, 1] when the caller handed in a ready network input.
        boxes: (N, 4) float32 corners x1 y1 x2 y2.
        classes: (N,) int64.
        keypoints: (N, K, 3) float32 x, y, visibility (0 unlabelled, 1 hidden, 2 visible); None without keypoints.
        polygons: N outlines (P, 2) float32 x, y, (0, 2) for an object without; None without outlines.
        masks: (N, H, W) bool; None without masks.
    """

    image: Picture
    path: str = ""
    origin: Origin = field(default_factory=Origin)
    original_size: tuple[int, int] | None = None
    tensor: "Tensor | None" = None
    boxes: Floats = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    classes: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    keypoints: Floats | None = None
    polygons: tuple[Floats, ...] | None = None
    masks: NDArray[np.bool_] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the picture."""
        return self.image.shape[0], self.image.shape[1]


@dataclass(frozen=True, kw_only=True)
class Targets:
    """The n objects of a batch of B pictures, those of one picture together, in the order of the pictures.

    Attributes:
        pictures: (n,) int64 index of the picture.
        classes: (n,) int64.
        boxes: (n, 4) float32 centre x, centre y, width, height as fractions of the network input.
        keypoints: (n, K, 3) float32 x, y as the same fractions, visibility; None without keypoints.
        masks: with `overlap` (B, h, w) index maps, 0 background, i + 1 the i-th object of the picture; else
            (n, h, w) 0 or 1; None without masks.
        overlap: which of the two forms `masks` has.
        semantic: (B, h, w) float32 class of the object over each pixel, arbitrary where there is none; None without
            masks.
        outlined: (n,) bool, False for objects whose mask nobody knows: theirs is empty, and says nothing; None when
            all are known.
    """

    pictures: "Tensor"
    classes: "Tensor"
    boxes: "Tensor"
    keypoints: "Tensor | None" = None
    masks: "Tensor | None" = None
    overlap: bool = True
    semantic: "Tensor | None" = None
    outlined: "Tensor | None" = None

    def __len__(self) -> int:
        return len(self.classes)

    def to(self, device: "device") -> "Targets":
        """Return the targets on a device."""
        moved = {name: value.to(device) for name, value in vars(self).items() if hasattr(value, "to")}
        return replace(self, **moved)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Pictures ready for a network, and the way back to the originals.

    Attributes:
        images: (B, 3, H, W) RGB: uint8, or float in [0, 1].
        samples: the B pictures they were made from, in order.
        letterboxes: for each picture how it was placed into (H, W); empty in training.
        targets: the objects, for training; None elsewhere.
    """

    images: "Tensor"
    samples: list[Sample]
    letterboxes: "list[Letterbox]"
    targets: Targets | None = None
