"""The truth and the predictions of one picture, as plain arrays in one common frame."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """The M labelled objects of one picture, in pixels of the network input.

    Attributes:
        classes: (M,) int64.
        boxes: (M, 4) float32 corners x1 y1 x2 y2.
        keypoints: (M, K, 3) float32 x, y, visibility; None when keypoints are not scored.
        masks: (M, h, w) uint8 or bool, 1 inside; None when masks are not scored.
        outlined: (M,) bool, False for objects whose mask nobody knows, and which is empty; None when all are known.
    """

    classes: NDArray[np.int64]
    boxes: Floats
    keypoints: Floats | None = None
    masks: NDArray[np.uint8] | NDArray[np.bool_] | None = None
    outlined: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.classes)


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """The N detections of one picture in falling score, in pixels of the network input.

    Attributes:
        classes: (N,) int64.
        scores: (N,) float32 in 0 ... 1.
        boxes: (N, 4) float32 corners x1 y1 x2 y2, not clipped.
        keypoints: (N, K, 2 or 3) float32 x, y [confidence]; None when keypoints are not scored.
        masks: (N, h, w) uint8 or bool, of the size of the truth's; None when masks are not scored.
    """

    classes: NDArray[np.int64]
    scores: NDArray[np.float32]
    boxes: Floats
    keypoints: Floats | None = None
    masks: NDArray[np.uint8] | NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.classes)

    def first(self, count: int) -> "Found":
        """Return the best `count` detections."""
        return Found(
            classes=self.classes[:count],
            scores=self.scores[:count],
            boxes=self.boxes[:count],
            keypoints=None if self.keypoints is None else self.keypoints[:count],
            masks=None if self.masks is None else self.masks[:count],
        )
