"""What the assigner sees of a network's outputs, and pairs of it with objects."""

from dataclasses import dataclass, replace

from torch import Tensor

from posekit.models.yolo.decode import DecodeRule, decode_boxes, decode_keypoints
from posekit.models.yolo.losses.grid import Grid
from posekit.models.yolo.losses.objects import Objects
from posekit.models.yolo.outputs import BranchOutputs

ALPHA, BETA = 0.5, 6.0  # exponents of class score and overlap


@dataclass(frozen=True, kw_only=True)
class Predictions:
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
    def of(cls, raw: BranchOutputs, grid: Grid, rule: DecodeRule) -> "Predictions":
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

    def take(self, pictures: slice) -> "Predictions":
        """Return the predictions of some of the pictures."""
        return replace(
            self,
            scores=self.scores[pictures],
            boxes=self.boxes[pictures],
            keypoints=None if self.keypoints is None else self.keypoints[pictures],
            coefficients=None if self.coefficients is None else self.coefficients[pictures],
            prototypes=None if self.prototypes is None else self.prototypes[pictures],
        )


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


def alignment(pairs: Pairs, overlap: Tensor, objects: Objects, predictions: Predictions) -> Tensor:
    """Return how well anchor points fit objects, (P,): class score and overlap (P,), each to its exponent.

    This is the metric of task-aligned assignment (Feng et al. 2021, arXiv:2108.07755).
    """
    labels = objects.labels[pairs.pictures, pairs.slots]
    scores = predictions.scores[pairs.pictures, labels, pairs.anchors]
    return scores.pow(ALPHA) * overlap.pow(BETA)
