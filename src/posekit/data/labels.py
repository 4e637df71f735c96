"""`PictureLabels`: what a data set says of one picture before its pixels are read."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureLabels:
    """One picture file and its N objects; coordinates are fractions of the picture's width and height.

    Attributes:
        path: the picture file.
        size: (h, w) in pixels after EXIF rotation.
        classes: (N,) int64 class numbers.
        boxes: (N, 4) float32 centre x, centre y, width, height.
        keypoints: (N, K, 3) float32 x, y, visibility (0 unlabelled, 1 hidden, 2 visible); None when the data
            set has none.
        polygons: N outlines (P, 2) float32, (0, 2) for an object without one; None when the data set has none.
    """

    path: str
    size: tuple[int, int]
    classes: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    boxes: Floats = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    keypoints: Floats | None = None
    polygons: tuple[Floats, ...] | None = None

    def __len__(self) -> int:
        return len(self.classes)
