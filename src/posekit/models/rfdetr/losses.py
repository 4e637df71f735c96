"""The criterion of RF-DETR networks: every layer is matched and scored on its own.

Boxes are centre x, centre y, width, height as fractions of the picture unless said otherwise.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from operator import itemgetter
from typing import Final

import numpy as np
import torch
import torch.distributed
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from posekit.models.contract import Losses
from posekit.models.rfdetr.network import Outputs, Predictions
from posekit.ops.boxes import xywh_to_xyxy
from posekit.sample import Targets

SMALLEST_AREA: Final = 1e-7
ALPHA: Final = 0.25  # of the focal loss

# Gives the cost (Q, n) of matching the Q queries of one picture (no batch axis) with its n objects.
PairCost = Callable[[Predictions, Targets], Tensor]
CLASS_COST: Final = 2.0
BOX_COST: Final = 5.0
GIOU_COST: Final = 2.0

DETECTION_WEIGHTS: Final = {"cls_loss": 1.0, "box_loss": 5.0, "giou_loss": 2.0}
POSE_WEIGHTS: Final = {
    **DETECTION_WEIGHTS,
    "cls_loss": 2.0,
    "kpt_l1_loss": 5.0,
    "kpt_vis_loss": 2.0,
    "kpt_oks_loss": 2.0,
}
SMALLEST_TARGET: Final = 0.01
OKS_EPS: Final = 1e-6
VISIBLE: Final = 2  # as labels say it


def iou(first: Tensor, second: Tensor) -> Tensor:
    """Return the intersection over union (...) of boxes (..., 4) x1 y1 x2 y2."""
    inside, union = _areas(first, second)
    return inside / union.clamp(min=SMALLEST_AREA)


def generalised_iou(first: Tensor, second: Tensor) -> Tensor:
    """Return IoU minus the empty share of the enclosing box (Rezatofighi et al. 2019, arXiv:1902.09630), (...).

    Boxes are (..., 4) x1 y1 x2 y2.
    """
    inside, union = _areas(first, second)
    enclosing = _extent(torch.minimum(first[..., :2], second[..., :2]), torch.maximum(first[..., 2:], second[..., 2:]))
    return inside / union.clamp(min=SMALLEST_AREA) - (enclosing - union) / enclosing.clamp(min=SMALLEST_AREA)


def _areas(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Return the areas of intersection and union."""
    inside = _extent(torch.maximum(first[..., :2], second[..., :2]), torch.minimum(first[..., 2:], second[..., 2:]))
    return inside, _extent(first[..., :2], first[..., 2:]) + _extent(second[..., :2], second[..., 2:]) - inside


def _extent(top_left: Tensor, bottom_right: Tensor) -> Tensor:
    return (bottom_right - top_left).clamp(min=0).prod(-1)


def detection_cost(predictions: Predictions, targets: Targets) -> Tensor:
    """Return the weighted sum of class, box and overlap costs, (Q, n)."""
    chosen = predictions.logits[:, targets.classes]
    score = chosen.sigmoid()
    # The change of the focal loss when a query becomes the object.
    gain = ALPHA * (1 - score).square() * -logsigmoid(chosen)
    classes = gain - (1 - ALPHA) * score.square() * -logsigmoid(-chosen)
    boxes = (predictions.boxes[:, None] - targets.boxes).abs().sum(-1)
    overlap = generalised_iou(xywh_to_xyxy(predictions.boxes)[:, None], xywh_to_xyxy(targets.boxes))
    return CLASS_COST * classes + BOX_COST * boxes + GIOU_COST * -overlap


@dataclass(frozen=True, kw_only=True)
class Matching:
    """M queries with an object each, picture after picture and group after group.

    Attributes:
        pictures: (M,) int64 index of the picture.
        queries: (M,) int64 index of the query, counted through all groups.
        targets: (M,) int64 index of the object in the batch's `Targets`.
    """

    pictures: Tensor
    queries: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)


@torch.no_grad()
def match(predictions: Predictions, targets: Targets, groups: int, cost: PairCost) -> Matching:
    """Return the cheapest one-to-one matching of each picture and group (Carion et al. 2020, arXiv:2005.12872).

    Args:
        predictions: of B pictures, groups * N queries each.
        targets: objects of the B pictures, picture after picture.
        groups: sets of queries.
        cost: of matching queries with objects.
    """
    from scipy.optimize import linear_sum_assignment

    counts = torch.bincount(targets.pictures, minlength=len(predictions.logits)).tolist()
    firsts = np.cumsum([0, *counts]).tolist()
    pictures = [picture for picture, count in enumerate(counts) if count]
    costs = []
    for picture in pictures:
        own = slice(firsts[picture], firsts[picture + 1])
        objects = Targets(
            pictures=targets.pictures[own],
            classes=targets.classes[own],
            boxes=targets.boxes[own],
            keypoints=None if targets.keypoints is None else targets.keypoints[own],
        )
        costs.append(cost(_each(predictions, itemgetter(picture)), objects).float())
    columns = []
    for picture, matrix in zip(pictures, _fetched(costs), strict=True):
        size = len(matrix) // groups
        for group, block in enumerate(_finite(matrix).reshape(groups, size, -1)):
            rows, found = linear_sum_assignment(block)
            columns.append(np.stack((np.full_like(rows, picture), rows + group * size, found + firsts[picture])))
    joined = np.concatenate(columns, 1) if columns else np.empty((3, 0), np.int64)
    of_pictures, of_queries, of_objects = torch.from_numpy(joined).to(predictions.logits.device)
    return Matching(pictures=of_pictures, queries=of_queries, targets=of_objects)


def _each(predictions: Predictions, change: Callable[[Tensor], Tensor]) -> Predictions:
    return Predictions(*(None if part is None else change(part) for part in predictions))  # type: ignore[arg-type]


def _fetched(costs: list[Tensor]) -> list[NDArray[np.float32]]:
    """Bring costs to the CPU, all at once: an accelerator is waited for once."""
    if not costs:
        return []
    flat = torch.cat([cost.flatten() for cost in costs]).cpu().numpy()
    ends = np.cumsum([cost.numel() for cost in costs])[:-1]
    return [part.reshape(cost.shape) for part, cost in zip(np.split(flat, ends), costs, strict=True)]


def _finite(cost: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return costs with whatever is not finite, as in a diverging training, made dearer than everything else."""
    finite = np.isfinite(cost)
    if finite.all():
        return cost
    known = cost[finite]
    dearest = known.max() + np.abs(known).max() + 1 if known.size else 1.0
    return np.where(finite, cost, dearest)


def object_count(targets: Targets, groups: int) -> Tensor:
    """Return the objects of the batch times the groups, at least 1.

    Of a batch that several processes share, it is the mean of their objects, so that an object counts the same
    wherever it lies.
    """
    count = torch.tensor(float(len(targets)), device=targets.boxes.device)
    # Without gradients a model is measured, and then processes may have different numbers of batches.
    if torch.is_grad_enabled() and torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.all_reduce(count)
        count /= torch.distributed.get_world_size()
    return (count * groups).clamp(min=1)


@dataclass(frozen=True, kw_only=True)
class Matched:
    """What the losses of one layer are computed of.

    Attributes:
        predictions: of the layer, in 32 bits.
        targets: objects of the batch.
        matching: which belong together.
        object_count: what sums over objects are divided by.
    """

    predictions: Predictions
    targets: Targets
    matching: Matching
    object_count: Tensor

    @cached_property
    def boxes(self) -> Tensor:
        """(M, 4) predicted boxes."""
        return self.predictions.boxes[self.matching.pictures, self.matching.queries]

    @cached_property
    def true_boxes(self) -> Tensor:
        """(M, 4) boxes of the objects."""
        return self.targets.boxes[self.matching.targets]

    @cached_property
    def classes(self) -> Tensor:
        """(M,) classes of the objects."""
        return self.targets.classes[self.matching.targets]

    @property
    def has_keypoints(self) -> bool:
        """Whether there is anything to compare keypoints of."""
        return self.predictions.keypoints is not None and self.targets.keypoints is not None and len(self.matching) > 0

    @cached_property
    def keypoints(self) -> Tensor:
        """(M, K, channels) predicted keypoints."""
        assert self.predictions.keypoints is not None
        return self.predictions.keypoints[self.matching.pictures, self.matching.queries]

    @cached_property
    def true_keypoints(self) -> Tensor:
        """(M, K, 3) keypoints of the objects."""
        assert self.targets.keypoints is not None
        return self.targets.keypoints[self.matching.targets]


# Gives the losses of one layer by name, each a scalar, before its weight.
LayerLosses = Callable[[Matched], Mapping[str, Tensor]]


def detection_losses(matched: Matched) -> dict[str, Tensor]:
    """Score classes and boxes of one layer."""
    overlap = generalised_iou(xywh_to_xyxy(matched.boxes), xywh_to_xyxy(matched.true_boxes))
    return {
        "cls_loss": overlap_aware_loss(matched),
        "box_loss": (matched.boxes - matched.true_boxes).abs().sum() / matched.object_count,
        "giou_loss": (1 - overlap).sum() / matched.object_count,
    }


def overlap_aware_loss(matched: Matched) -> Tensor:
    """Return a cross-entropy whose target for a matched query grows with its score and the overlap of its box.

    Unmatched entries are weighted by their squared score, as easy ones have been learned.
    """
    logits = matched.predictions.logits
    scores = logits.sigmoid()
    entry = (matched.matching.pictures, matched.matching.queries, matched.classes)
    overlap = iou(xywh_to_xyxy(matched.boxes.detach()), xywh_to_xyxy(matched.true_boxes))
    target = (scores[entry] ** ALPHA * overlap ** (1 - ALPHA)).clamp(min=SMALLEST_TARGET).detach()
    positive = torch.zeros_like(logits).index_put(entry, target)
    negative = scores.square().index_put(entry, 1 - target)
    return (negative * logits - logsigmoid(logits) * (positive + negative)).sum() / matched.object_count


def pose_losses(matched: Matched, sigmas: Sequence[float]) -> dict[str, Tensor]:
    """Score the keypoints of one layer by OKS `sigmas`; layers without keypoints get 0."""
    if not matched.has_keypoints:
        predictions = matched.predictions
        heads = predictions.boxes if predictions.keypoints is None else predictions.keypoints
        none = heads[:, :0].sum()  # 0, but every parameter gets a gradient
        return {"kpt_l1_loss": none, "kpt_vis_loss": none, "kpt_oks_loss": none}
    true = matched.true_keypoints
    apart = matched.keypoints[..., :2] - true[..., :2]
    labelled = true[..., 2] > 0
    visible = (true[..., 2] == VISIBLE).to(apart)
    return {
        "kpt_l1_loss": (apart.abs().sum(-1) * labelled).sum() / (labelled.sum() + OKS_EPS),
        "kpt_vis_loss": binary_cross_entropy_with_logits(matched.keypoints[..., 2], visible),
        "kpt_oks_loss": _oks_loss(apart, labelled, matched.true_boxes, sigmas),
    }


def _oks_loss(apart: Tensor, labelled: Tensor, boxes: Tensor, sigmas: Sequence[float]) -> Tensor:
    """Return 1 - mean OKS over objects with labels, with the area of the box (M, 4) for that of the object.

    `apart` (M, K, 2) are errors as fractions of the picture, `labelled` (M, K) tells which count.
    """
    spread = (2 * boxes.new_tensor(sigmas)).square()
    area = boxes[:, 2:].prod(-1, keepdim=True)
    similarity = (-apart.square().sum(-1) / (2 * area * spread + OKS_EPS)).exp() * labelled
    count = labelled.sum(-1)
    per_object = similarity.sum(-1) / count.clamp(min=1)
    objects = (count > 0).sum()
    # Objects without labels are 0 in the sum: with none at all this is 0, not 1.
    return (objects - per_object.sum()) / objects.clamp(min=1)


class SetCriterion:
    """Scores the outputs of a network.

    Args:
        layer_losses: what is scored in each layer.
        weights: factor of each loss by name, in the order of result files.
        cost: of matching a query with an object.
    """

    def __init__(
        self, layer_losses: Sequence[LayerLosses], weights: Mapping[str, float], cost: PairCost = detection_cost
    ) -> None:
        self._layer_losses = tuple(layer_losses)
        self._weights = dict(weights)
        self._cost = cost

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the items, in the order of result files."""
        return tuple(self._weights)

    def __call__(self, outputs: Outputs, targets: Targets) -> Losses:
        """Return the weighted losses of a batch, each summed over the layers; of several batches they are averaged."""
        of_layers = list(self.by_layer(outputs, targets).values())
        terms = torch.stack(
            [torch.stack([losses[name] for losses in of_layers]).sum() * self._weights[name] for name in self.names]
        )
        items = dict(zip(self.names, terms.detach(), strict=True))
        return Losses(total=terms, items=items)

    def by_layer(self, outputs: Outputs, targets: Targets) -> dict[str, dict[str, Tensor]]:
        """Return the losses before their weights, by layer ("last", "0", "1", ..., "encoder") and name."""
        count = object_count(targets, outputs.groups)
        layers = {"last": outputs.last, **{str(index): layer for index, layer in enumerate(outputs.auxiliary)}}
        if outputs.encoder is not None:
            layers["encoder"] = outputs.encoder
        return {name: self._score(layer, targets, outputs.groups, count) for name, layer in layers.items()}

    def _score(self, predictions: Predictions, targets: Targets, groups: int, count: Tensor) -> dict[str, Tensor]:
        precise = _each(predictions, Tensor.float)
        matching = match(precise, targets, groups, self._cost)
        matched = Matched(predictions=precise, targets=targets, matching=matching, object_count=count)
        return {name: value for losses in self._layer_losses for name, value in losses(matched).items()}

    def end_epoch(self, epochs: int) -> None:
        """Do nothing: all epochs are alike."""

    def advance_to(self, epoch: int, epochs: int) -> None:
        """Do nothing: all epochs are alike."""


def detection_criterion() -> SetCriterion:
    """Return the criterion of a detector."""
    return SetCriterion([detection_losses], DETECTION_WEIGHTS)


def pose_criterion(sigmas: Sequence[float]) -> SetCriterion:
    """Return the criterion of a detector with a pose head, given the OKS sigma of each keypoint."""
    return SetCriterion([detection_losses, partial(pose_losses, sigmas=sigmas)], POSE_WEIGHTS)
