"""From raw head outputs to boxes, keypoints and scores in pixels of the network input.

Every function works on gathered anchors or on all of them: the last axis is n anchors, n <= A.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from posekit.models.yolo.heads import HeadSpec
from posekit.models.yolo.outputs import BranchOutputs
from posekit.ops.boxes import xyxy_to_xywh


@dataclass(frozen=True, kw_only=True)
class AnchorPoints:
    """Cell centres: `points` (2, n) x and y in cells, `strides` (n,) input pixels per cell."""

    points: Tensor
    strides: Tensor

    def take(self, anchors: Tensor) -> "AnchorPoints":
        """Return the anchor points with the given indices."""
        return AnchorPoints(points=self.points[:, anchors], strides=self.strides[anchors])


@dataclass(frozen=True, kw_only=True)
class DecodeRule:
    """What differs between heads.

    Attributes:
        reg_max: bins per box side; 1 means plain distances.
        kpt_shape: (K, D), or None.
        keypoint_gain: cells per raw unit of a keypoint.
        keypoint_shift: cells added to the anchor point of a keypoint.
    """

    reg_max: int
    kpt_shape: tuple[int, int] | None
    keypoint_gain: float
    keypoint_shift: float

    @classmethod
    def of(cls, spec: HeadSpec) -> "DecodeRule":
        """Return the rule of a head: YOLO26 heads measure keypoints in cells from the anchor point."""
        gain, shift = (1.0, 0.0) if spec.end2end else (2.0, -0.5)
        return cls(reg_max=spec.reg_max, kpt_shape=spec.kpt_shape, keypoint_gain=gain, keypoint_shift=shift)


def anchor_points(feats: Sequence[Tensor], strides: Sequence[float]) -> AnchorPoints:
    """Return the anchor points of all levels, finest first, each row by row.

    Args:
        feats: maps (B, C, H, W) of the levels; only their sizes, device and type are used.
        strides: input pixels per cell of each level.
    """
    points, pixels = [], []
    for feat, stride in zip(feats, strides, strict=True):
        height, width = feat.shape[-2:]
        y = torch.arange(height, device=feat.device, dtype=feat.dtype) + 0.5
        x = torch.arange(width, device=feat.device, dtype=feat.dtype) + 0.5
        points.append(torch.stack((x.repeat(height), y.repeat_interleave(width))))  # (2, H*W)
        pixels.append(torch.full((height * width,), stride, device=feat.device, dtype=feat.dtype))
    return AnchorPoints(points=torch.cat(points, 1), strides=torch.cat(pixels))


def decode_boxes(boxes: Tensor, anchors: AnchorPoints, rule: DecodeRule) -> Tensor:
    """Return corners (..., 4, n) in input pixels from raw (..., 4 * reg_max, n).

    With bins, a distance is the expectation over their softmax (Generalized Focal Loss,
    arXiv:2006.04388); otherwise the raw value itself, in cells.
    """
    distances = boxes
    if rule.reg_max > 1:
        bins = torch.arange(rule.reg_max, device=boxes.device, dtype=boxes.dtype)
        weights = _split_axis(boxes, (4, rule.reg_max)).softmax(-2)  # (..., 4, reg_max, n)
        distances = (weights * bins[:, None]).sum(-2)
    near, far = distances[..., :2, :], distances[..., 2:, :]
    return torch.cat((anchors.points - near, anchors.points + far), -2) * anchors.strides


def decode_keypoints(kpts: Tensor, anchors: AnchorPoints, rule: DecodeRule) -> Tensor:
    """Return keypoints (..., K, D, n) from raw (..., K * D, n): x, y in input pixels, visibility in 0 ... 1."""
    if rule.kpt_shape is None:
        raise ValueError("this head has no keypoints")
    points = _split_axis(kpts, rule.kpt_shape)
    xy = (points[..., :2, :] * rule.keypoint_gain + (anchors.points + rule.keypoint_shift)) * anchors.strides
    return torch.cat((xy, points[..., 2:, :].sigmoid()), -2)


def decode_dense(raw: BranchOutputs, rule: DecodeRule, strides: Sequence[float]) -> Tensor:
    """Return (B, 4 + nc + extra, A): centre boxes, class scores, then keypoints and mask coefficients."""
    anchors = anchor_points(raw["feats"], strides)
    boxes = xyxy_to_xywh(decode_boxes(raw["boxes"], anchors, rule).transpose(1, 2)).transpose(1, 2)
    return torch.cat((boxes, raw["scores"].sigmoid(), *_extra(raw, anchors, rule)), 1)


def decode_end2end(
    raw: BranchOutputs, rule: DecodeRule, strides: Sequence[float], *, max_det: int = 300, agnostic: bool = False
) -> Tensor:
    """Return the best rows of a one-to-one branch: (B, k, 6 + extra), k = min(max_det, A).

    A row is x1 y1 x2 y2 score class, then keypoints and mask coefficients; best score first.
    """
    anchors = anchor_points(raw["feats"], strides)
    boxes = decode_boxes(raw["boxes"], anchors, rule)
    rows = torch.cat((boxes, *_extra(raw, anchors, rule)), 1).transpose(1, 2)  # (B, A, 4 + extra)
    scores, classes, index = rank_end2end(raw["scores"].sigmoid(), max_det, agnostic=agnostic)
    chosen = rows.gather(1, index[..., None].expand(-1, -1, rows.shape[2]))
    return torch.cat((chosen[..., :4], scores[..., None], classes[..., None].to(scores), chosen[..., 4:]), 2)


def rank_end2end(scores: Tensor, max_det: int, *, agnostic: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Rank the anchors of a one-to-one branch.

    Args:
        scores: (B, nc, A) probabilities.
        max_det: rows wanted; k = min(max_det, A).
        agnostic: an anchor appears with its best class only; else possibly with several.

    Returns:
        scores (B, k) falling, classes (B, k) int64, anchor indices (B, k) int64.
    """
    count = min(max_det, scores.shape[2])
    best, labels = scores.max(1)
    top, index = best.topk(count)
    if agnostic:
        return top, labels.gather(1, index), index
    nc = scores.shape[1]
    per_class = scores.transpose(1, 2).gather(1, index[..., None].expand(-1, -1, nc)).flatten(1)  # (B, k * nc)
    top, flat = per_class.topk(count)
    return top, flat % nc, index.gather(1, flat // nc)


def _split_axis(values: Tensor, sizes: tuple[int, int]) -> Tensor:
    """Split the axis before the last: (..., a * b, n) to (..., a, b, n)."""
    return values.reshape(*values.shape[:-2], *sizes, values.shape[-1])


def _extra(raw: BranchOutputs, anchors: AnchorPoints, rule: DecodeRule) -> list[Tensor]:
    extra = []
    if "kpts" in raw:
        extra.append(decode_keypoints(raw["kpts"], anchors, rule).flatten(1, 2))
    if "mask_coefficient" in raw:
        extra.append(raw["mask_coefficient"])
    return extra
