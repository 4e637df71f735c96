"""From the raw outputs of one picture to its detections, in pixels of the network input."""

from dataclasses import dataclass

from torch import Tensor

from posekit.models.yolo.decode import AnchorPoints, DecodeRule, decode_boxes, rank_end2end
from posekit.models.yolo.outputs import BranchOutputs
from posekit.ops.boxes import xywh_to_xyxy
from posekit.ops.nms import Candidates, Suppression, filter_ranked, select_candidates, suppress

MIN_RANKED = 300  # rows that a one-to-one branch ranks at least, however few are wanted


@dataclass(frozen=True, kw_only=True)
class Detections:
    """n detections of one picture, best first.

    Attributes:
        boxes: (n, 4) corners in network pixels.
        scores: (n,) in 0 ... 1.
        classes: (n,) int64.
        anchors: (n,) int64 indices of the anchor points they come from.
    """

    boxes: Tensor
    scores: Tensor
    classes: Tensor
    anchors: Tensor


def detect_one2many(raw: BranchOutputs, anchors: AnchorPoints, rule: DecodeRule, choice: Suppression) -> Detections:
    """Decode only what passes the threshold, then suppress.

    Args:
        raw: outputs of one picture, without the batch axis: ``boxes`` (4 * reg_max, A), ``scores`` (nc, A).
        anchors: all anchor points.
        rule: how the head encodes boxes.
        choice: threshold and suppression.
    """
    logits = raw["scores"].float()
    above = (logits.amax(0).sigmoid() > choice.conf).nonzero(as_tuple=True)[0]
    candidates = select_candidates(logits[:, above].sigmoid(), choice)
    indices = above[candidates.anchors]
    boxes = decode_boxes(raw["boxes"][:, indices].float(), anchors.take(indices), rule).T
    return _survivors(boxes, candidates, indices, choice)


def detect_dense(decoded: Tensor, choice: Suppression) -> Detections:
    """Suppress decoded rows (4 + nc, A) of one picture: centre boxes and class scores."""
    candidates = select_candidates(decoded[4:], choice)
    boxes = xywh_to_xyxy(decoded[:4, candidates.anchors].T)
    return _survivors(boxes, candidates, candidates.anchors, choice)


def detect_one2one(raw: BranchOutputs, anchors: AnchorPoints, rule: DecodeRule, choice: Suppression) -> Detections:
    """Rank the rows of a one-to-one branch; nothing is suppressed. Arguments as in `detect_one2many`."""
    probabilities = raw["scores"].float().sigmoid()[None]
    wanted = max(MIN_RANKED, choice.max_det)
    scores, classes, indices = (part[0] for part in rank_end2end(probabilities, wanted, agnostic=choice.agnostic))
    chosen = filter_ranked(scores, classes, choice)
    indices = indices[chosen]
    boxes = decode_boxes(raw["boxes"][:, indices].float(), anchors.take(indices), rule).T
    return Detections(boxes=boxes, scores=scores[chosen], classes=classes[chosen], anchors=indices)


def _survivors(boxes: Tensor, candidates: Candidates, anchors: Tensor, choice: Suppression) -> Detections:
    kept = suppress(boxes, candidates, choice)
    best = candidates.take(kept)
    return Detections(boxes=boxes[kept], scores=best.scores, classes=best.classes, anchors=anchors[kept])
