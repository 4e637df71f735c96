"""One branch's outputs beside the objects they should have found: what every loss term is computed from."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from posekit.models.yolo.decode import DecodeRule
from posekit.models.yolo.flow import RealNVP
from posekit.models.yolo.losses.assigner import Positives
from posekit.models.yolo.losses.grid import Grid
from posekit.models.yolo.losses.objects import Objects
from posekit.models.yolo.outputs import BranchOutputs


@dataclass(frozen=True, kw_only=True)
class LossRules:
    """What the loss terms of a network need to know besides tensors.

    Attributes:
        decode: how the head's raw values are read.
        sigmas: OKS sigma of each of the K keypoints; empty without keypoints.
        class_weights: (nc,) factors of the class loss; None when all classes count the same.
        flow: density of keypoint errors; None without.
        skip_unlabelled: whether objects without labelled keypoints are left out of the keypoint terms.
        class_points: (nc, K) bool, which keypoints objects of a class have; None when all have all.
    """

    decode: DecodeRule
    sigmas: tuple[float, ...] = ()
    class_weights: Tensor | None = None
    flow: RealNVP | None = None
    skip_unlabelled: bool = False
    class_points: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class MatchedKeypoints:
    """Keypoints of the Q positives that count for keypoint terms, predicted beside true, in cells.

    Attributes:
        rows: (Q,) int64 which of the positives they are.
        found: (Q, K, 2) predicted x, y.
        visibility: (Q, K) predicted visibility logits; None when the head has none.
        true: (Q, K, 2) true x, y.
        labelled: (Q, K) bool which keypoints have a label.
        areas: (Q,) areas of the true boxes, in square cells.
        owned: (Q, K) bool which keypoints an object of its class has; the others say nothing.
    """

    rows: Tensor
    found: Tensor
    visibility: Tensor | None
    true: Tensor
    labelled: Tensor
    areas: Tensor
    owned: Tensor


@dataclass(frozen=True, kw_only=True)
class Matched:
    """Raw outputs (float32 or float64), true objects, and which anchor points learn which object.

    With no positives every quantity below is empty, and sums over it are 0 and still connected to the graph.
    """

    raw: BranchOutputs
    objects: Objects
    grid: Grid
    positives: Positives
    rules: LossRules

    @property
    def points(self) -> Tensor:
        """(P, 2) anchor points of the positives, in cells."""
        return self.grid.points[self.positives.anchors]

    @property
    def strides(self) -> Tensor:
        """(P, 1) input pixels per cell."""
        return self.grid.strides[self.positives.anchors, None]

    @cached_property
    def weight_sum(self) -> Tensor:
        """Sum of the scores to aim at, at least 1: what box and class terms are divided by."""
        return self.positives.scores.sum().clamp(min=1)

    @cached_property
    def true_boxes(self) -> Tensor:
        """(P, 4) corners of the objects to learn, in pixels of the network input."""
        return self.objects.boxes[self.positives.pictures, self.positives.slots]

    @cached_property
    def box_bins(self) -> Tensor:
        """(P, 4, reg_max) raw values of left, top, right and bottom."""
        return self.gather(self.raw["boxes"]).view(len(self.positives), 4, self.rules.decode.reg_max)

    @cached_property
    def keypoints(self) -> MatchedKeypoints:
        """Keypoints of the positives, predicted beside true."""
        rule, positives = self.rules.decode, self.positives
        points, dims = rule.kpt_shape or (0, 0)
        true = self.objects.require_keypoints()[positives.pictures, positives.slots]  # (P, K, 3), pixels
        labelled = true[..., 2] != 0
        counting = labelled.any(1) if self.rules.skip_unlabelled else torch.ones_like(positives.slots)
        rows = counting.nonzero()[:, 0]
        raw = self.gather(self.raw["kpts"])[rows].view(-1, points, dims)
        strides = self.strides[rows]  # (Q, 1)
        near, far = (self.true_boxes[rows] / strides).chunk(2, 1)
        return MatchedKeypoints(
            rows=rows,
            found=raw[..., :2] * rule.keypoint_gain + (self.points[rows, None] + rule.keypoint_shift),
            visibility=raw[..., 2] if dims == 3 else None,
            true=true[rows, :, :2] / strides[:, None],
            labelled=labelled[rows],
            areas=(far - near).prod(1),
            owned=self._owned(rows),
        )

    def _owned(self, rows: Tensor) -> Tensor:
        """Return (Q, K) bool which keypoints the objects of the positives `rows` (Q,) have by their class."""
        table, positives = self.rules.class_points, self.positives
        if table is None:
            points = 0 if self.rules.decode.kpt_shape is None else self.rules.decode.kpt_shape[0]
            return torch.ones(len(rows), points, dtype=torch.bool, device=rows.device)
        return table.to(rows.device)[self.objects.labels[positives.pictures[rows], positives.slots[rows]]]

    def gather(self, values: Tensor) -> Tensor:
        """Return what values (B, C, N) are at the positives: (P, C)."""
        return values[self.positives.pictures, :, self.positives.anchors]
