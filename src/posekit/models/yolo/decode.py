"""From raw head outputs to boxes, keypoints and scores in pixels of the network input.

Every function works on gathered anchors or on all of them: the last axis is n anchors, n <= A.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from posekit.models.yolo.heads import BranchOutputs, HeadSpec
from posekit.ops.boxes import xywh_to_xyxy, xyxy_to_xywh
from posekit.ops.nms import Candidates, Suppression, filter_ranked, select_candidates, suppress
from posekit.results.detected import Detected

MIN_RANKED = 300  # rows that a one-to-one branch ranks at least, however few are wanted
PADDING_VALUE = 0.447  # mean of natural pictures in [0, 1]
PASSES = ((1.0, False), (0.83, True), (0.67, False))  # (scale, mirrored)
Survivors: TypeAlias = tuple[Detected[Tensor], Tensor]


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
        # By `expand`: exporters write `repeat_interleave` by a size that is not known yet as a wrong shape.
        grid = (x[None].expand(height, width).flatten(), y[:, None].expand(height, width).flatten())
        points.append(torch.stack(grid))  # (2, H*W)
        pixels.append(torch.full((height * width,), stride, device=feat.device, dtype=feat.dtype))
    return AnchorPoints(points=torch.cat(points, 1), strides=torch.cat(pixels))


def expected_distances(bins: Tensor) -> Tensor:
    """Return distances (..., n) in cells from raw bins (..., reg_max, n).

    A distance is the expectation over the softmax of its bins (Generalized Focal Loss, arXiv:2006.04388); a single
    bin is the distance itself.
    """
    count = bins.shape[-2]
    if count == 1:
        return bins.squeeze(-2)
    values = torch.arange(count, device=bins.device, dtype=bins.dtype)
    return (bins.softmax(-2) * values[:, None]).sum(-2)


def keypoint_places(raw: Tensor, points: Tensor, rule: DecodeRule) -> Tensor:
    """Return the x, y of keypoints in cells from their raw values, for anchor points of the same axes."""
    return raw * rule.keypoint_gain + (points + rule.keypoint_shift)


def decode_boxes(boxes: Tensor, anchors: AnchorPoints, rule: DecodeRule) -> Tensor:
    """Return corners (..., 4, n) in input pixels from raw (..., 4 * reg_max, n)."""
    distances = expected_distances(_split_axis(boxes, (4, rule.reg_max)))
    near, far = distances[..., :2, :], distances[..., 2:, :]
    return torch.cat((anchors.points - near, anchors.points + far), -2) * anchors.strides


def decode_keypoints(kpts: Tensor, anchors: AnchorPoints, rule: DecodeRule) -> Tensor:
    """Return keypoints (..., K, D, n) from raw (..., K * D, n): x, y in input pixels, visibility in 0 ... 1."""
    if rule.kpt_shape is None:
        raise ValueError("this head has no keypoints")
    points = _split_axis(kpts, rule.kpt_shape)
    xy = keypoint_places(points[..., :2, :], anchors.points, rule) * anchors.strides
    return torch.cat((xy, points[..., 2:, :].sigmoid()), -2)


def decode_dense(raw: BranchOutputs, rule: DecodeRule, strides: Sequence[float]) -> Tensor:
    """Return (B, 4 + nc + extra, A): centre boxes, class scores, then keypoints and mask coefficients."""
    anchors = anchor_points(raw["feats"], strides)
    boxes = xyxy_to_xywh(decode_boxes(raw["boxes"], anchors, rule).transpose(1, 2)).transpose(1, 2)
    return torch.cat((boxes, raw["scores"].sigmoid(), *_extra(raw, anchors, rule)), 1)


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


def detect_one2many(raw: BranchOutputs, anchors: AnchorPoints, rule: DecodeRule, choice: Suppression) -> Survivors:
    """Decode only what passes the threshold, then suppress.

    Args:
        raw: outputs of one picture, without the batch axis: ``boxes`` (4 * reg_max, A), ``scores`` (nc, A).
        anchors: all anchor points.
        rule: how the head encodes boxes.
        choice: threshold and suppression.

    Returns:
        Boxes, scores and classes, and the (n,) int64 indices of the anchor points that they come from.
    """
    logits = raw["scores"].float()
    above = (logits.amax(0).sigmoid() > choice.conf).nonzero(as_tuple=True)[0]
    candidates = select_candidates(logits[:, above].sigmoid(), choice)
    indices = above[candidates.anchors]
    boxes = decode_boxes(raw["boxes"][:, indices].float(), anchors.take(indices), rule).T
    return _survivors(boxes, candidates, indices, choice)


def detect_dense(decoded: Tensor, choice: Suppression) -> Survivors:
    """Suppress decoded rows (4 + nc, A) of one picture: centre boxes and class scores."""
    candidates = select_candidates(decoded[4:], choice)
    boxes = xywh_to_xyxy(decoded[:4, candidates.anchors].T)
    return _survivors(boxes, candidates, candidates.anchors, choice)


def detect_one2one(raw: BranchOutputs, anchors: AnchorPoints, rule: DecodeRule, choice: Suppression) -> Survivors:
    """Rank the rows of a one-to-one branch; nothing is suppressed. Arguments as in `detect_one2many`."""
    probabilities = raw["scores"].float().sigmoid()[None]
    wanted = max(MIN_RANKED, choice.max_det)
    scores, classes, indices = (part[0] for part in rank_end2end(probabilities, wanted, agnostic=choice.agnostic))
    chosen = filter_ranked(scores, classes, choice)
    indices = indices[chosen]
    boxes = decode_boxes(raw["boxes"][:, indices].float(), anchors.take(indices), rule).T
    return Detected(boxes=boxes, scores=scores[chosen], classes=classes[chosen]), indices


def _survivors(boxes: Tensor, candidates: Candidates, anchors: Tensor, choice: Suppression) -> Survivors:
    kept = suppress(boxes, candidates, choice)
    best = candidates.take(kept)
    return Detected(boxes=boxes[kept], scores=best.scores, classes=best.classes), anchors[kept]


def augmented_predictions(predict: Callable[[Tensor], Tensor], images: Tensor, stride: int, levels: int) -> Tensor:
    """Return the joined predictions (B, 4 + nc, A') of all passes, in pixels of `images`.

    Args:
        predict: maps images (B, 3, H, W) to decoded predictions (B, 4 + nc, A) with centre boxes.
        images: (B, 3, H, W) in [0, 1].
        stride: largest stride of the network.
        levels: number of levels of the head.
    """
    passes = []
    for scale, mirrored in PASSES:
        decoded = predict(_rescaled(images.flip(3) if mirrored else images, scale, stride))
        boxes = decoded[:, :4] / scale
        if mirrored:
            boxes = torch.cat((images.shape[3] - boxes[:, :1], boxes[:, 1:]), 1)
        passes.append(torch.cat((boxes, decoded[:, 4:]), 1))
    return torch.cat(_clip_tails(passes, levels), 2)


def _rescaled(images: Tensor, scale: float, stride: int) -> Tensor:
    """Shrink (bilinear) and pad right and bottom to a stride multiple of the scaled size."""
    if scale == 1:
        return images
    height, width = images.shape[-2:]
    resized = interpolate(images, (int(height * scale), int(width * scale)), mode="bilinear", align_corners=False)
    target_h, target_w = (ceil(side * scale / stride) * stride for side in (height, width))
    padding = (0, target_w - resized.shape[3], 0, target_h - resized.shape[2])
    return pad(resized, padding, value=PADDING_VALUE)


def _clip_tails(passes: list[Tensor], levels: int) -> list[Tensor]:
    """Drop the coarsest level of the largest pass and the finest level of the smallest."""
    cells = sum(4**level for level in range(levels))
    first, last = passes[0].shape[2] // cells, passes[-1].shape[2] // cells * 4 ** (levels - 1)
    return [passes[0][..., : passes[0].shape[2] - first], *passes[1:-1], passes[-1][..., last:]]
