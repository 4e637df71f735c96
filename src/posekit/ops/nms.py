"""From class scores and boxes to detections: candidates, then greedy non-maximum suppression."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MAX_CANDIDATES = 30_000
CLASS_OFFSET = 7680.0  # moves the boxes of different classes apart; wider than any network input


@dataclass(frozen=True, kw_only=True)
class Suppression:
    """How detections are chosen.

    Attributes:
        conf: a candidate's score must be above it.
        iou: a candidate overlapping a better one by more is dropped.
        max_det: at most so many detections per picture.
        classes: only these class indices; None for all.
        agnostic: suppress across classes.
        multi_label: one candidate per class above `conf`, not only the best class.
        max_candidates: only the best so many candidates enter suppression.
        class_offset: distance between the boxes of neighbouring classes during suppression.
    """

    conf: float = 0.25
    iou: float = 0.7
    max_det: int = 300
    classes: tuple[int, ...] | None = None
    agnostic: bool = False
    multi_label: bool = False
    max_candidates: int = MAX_CANDIDATES
    class_offset: float = CLASS_OFFSET


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Rows in falling score: `anchors` (n,) int64, `classes` (n,) int64, `scores` (n,) float."""

    anchors: Tensor
    classes: Tensor
    scores: Tensor

    def __len__(self) -> int:
        return len(self.anchors)

    def take(self, rows: Tensor) -> "Candidates":
        """Return the given rows, in the given order."""
        return Candidates(anchors=self.anchors[rows], classes=self.classes[rows], scores=self.scores[rows])


def select_candidates(scores: Tensor, rule: Suppression) -> Candidates:
    """Return the candidates of one picture among class probabilities (nc, A), best first, at most `max_candidates`."""
    if rule.multi_label and len(scores) > 1:
        anchors, classes = (rule.conf < scores.T).nonzero(as_tuple=True)
        values = scores[classes, anchors]
    else:
        best, labels = scores.max(0)
        anchors = (best > rule.conf).nonzero(as_tuple=True)[0]
        classes, values = labels[anchors], best[anchors]
    if rule.classes is not None:
        wanted = torch.isin(classes, classes.new_tensor(rule.classes))
        anchors, classes, values = anchors[wanted], classes[wanted], values[wanted]
    order = values.argsort(descending=True, stable=True)[: rule.max_candidates]
    return Candidates(anchors=anchors[order], classes=classes[order], scores=values[order])


def filter_ranked(scores: Tensor, classes: Tensor, rule: Suppression) -> Tensor:
    """Return the rows of a ranked, suppression-free prediction that pass threshold and class filter, within the limit.

    Scores (k,) are in falling order; classes (k,) are indices.
    """
    passing = scores > rule.conf
    if rule.classes is not None:
        passing &= torch.isin(classes, classes.new_tensor(rule.classes))
    return passing.nonzero(as_tuple=True)[0][: rule.max_det]


def suppress(boxes: Tensor, candidates: Candidates, rule: Suppression) -> Tensor:
    """Return the rows of `candidates` that survive suppression, best first, at most `max_det`; boxes are (n, 4)."""
    corners = boxes.float()
    if not rule.agnostic:
        corners = corners + candidates.classes[:, None] * rule.class_offset
    kept = greedy_nms(corners.cpu().numpy(), rule.iou, rule.max_det)
    return torch.from_numpy(kept).to(boxes.device)


def greedy_nms(boxes: NDArray[np.float32], iou_threshold: float, limit: int) -> NDArray[np.int64]:
    """Return the indices of the boxes that survive, at most `limit`, in order.

    A box is dropped when its IoU with a kept one before it is above the threshold; an equal IoU
    survives. Areas are plain width times height. Boxes are (N, 4) corners, best score first.
    """
    x1, y1, x2, y2 = np.ascontiguousarray(boxes.T)
    areas = (x2 - x1) * (y2 - y1)
    remaining = np.arange(len(boxes))
    kept: list[int] = []
    while len(remaining) and len(kept) < limit:
        best, remaining = remaining[0], remaining[1:]
        kept.append(int(best))
        width = np.minimum(x2[best], x2[remaining]) - np.maximum(x1[best], x1[remaining])
        height = np.minimum(y2[best], y2[remaining]) - np.maximum(y1[best], y1[remaining])
        overlap = width.clip(0) * height.clip(0)
        union = areas[best] + areas[remaining] - overlap
        remaining = remaining[overlap <= iou_threshold * union]
    return np.array(kept, np.int64)
