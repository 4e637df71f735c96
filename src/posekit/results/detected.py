"""`Detected`: the one form of "n detections of one picture" between a network and everything that reads them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeAlias, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posekit.ops.boxes import boxes_to_original, points_to_original
from posekit.ops.letterbox import Letterbox
from posekit.results.results import Results
from posekit.sample import Sample
from posekit.schema.schema import KeypointSchema

Array = TypeVar("Array", Tensor, NDArray[Any])


@dataclass(frozen=True, kw_only=True, eq=False)
class Detected(Generic[Array]):
    """The n detections of one picture, best first: tensors where networks compute, arrays where numbers are counted.

    In pixels of the network input and not clipped, unless it is said otherwise.

    Attributes:
        boxes: (n, 4) corners x1 y1 x2 y2.
        scores: (n,) float32 in 0 ... 1.
        classes: (n,) int64.
        keypoints: (n, K, 2 or 3) x, y [confidence]; None when the network has none.
        masks: (n, h, w) uint8, 0 or 1; None when the network has none.
        precision: (n, K, 3) Cholesky factor of each keypoint's precision (see `models.rfdetr.decode.covariance`), NaN
            where there is no keypoint; None when the network does not tell.
    """

    boxes: Array
    scores: Array
    classes: Array
    keypoints: Array | None = None
    masks: Array | None = None
    precision: Array | None = None

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, rows: Array | slice) -> "Detected[Array]":
        """Return the detections that a mask, indices or a slice selects."""
        return Detected(**{name: None if part is None else part[rows] for name, part in vars(self).items()})

    def numpy(self) -> "Detected[NDArray[Any]]":
        """Return the detections as arrays in main memory."""
        parts = {name: part.cpu().numpy() if isinstance(part, Tensor) else part for name, part in vars(self).items()}
        return Detected(**cast(dict[str, NDArray[Any]], parts))

    def to_original(self, letterbox: Letterbox) -> "Detected[Array]":
        """Return boxes and keypoints in pixels of the original picture, clipped to it; masks stay as they are."""
        boxes, points = torch.as_tensor(self.boxes), self.keypoints
        moved: Detected[Any] = replace(
            cast(Detected[Any], self),
            boxes=boxes_to_original(boxes, letterbox),
            keypoints=None if points is None else points_to_original(torch.as_tensor(points), letterbox),
        )
        return moved if isinstance(self.boxes, Tensor) else moved.numpy()


Arrays: TypeAlias = Detected[NDArray[Any]]


def results_of(
    detected: Detected[Any], sample: Sample, names: Mapping[int, str], schema: KeypointSchema | None
) -> Results:
    """Return detections in pixels of the original picture as `Results`.

    The picture itself is left blank where it is not at hand, having been resized when it was read.
    """
    boxes, scores, classes = (torch.as_tensor(part) for part in (detected.boxes, detected.scores, detected.classes))
    picture = sample.image if sample.tensor is None else sample.tensor
    if sample.original_size is not None:
        picture = np.broadcast_to(np.zeros(3, np.uint8), (*sample.original_size, 3))
    return Results(
        orig_img=picture,
        path=sample.path,
        names=names,
        boxes=torch.cat((boxes, scores[:, None], classes[:, None].float()), 1),
        masks=torch.as_tensor(detected.masks) if detected.masks is not None and len(detected) else None,
        keypoints=None if detected.keypoints is None else torch.as_tensor(detected.keypoints),
        schema=schema,
    )
