"""The criterion of RF-DETR networks: every layer is matched and scored on its own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
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

SMALLEST_AREA = 1e-7


def iou(first: Tensor, second: Tensor) -> Tensor:
    """Return the intersection over union (...) of boxes (..., 4) x1 y1 x2 y2."""
    inside, union = _areas(first, second)
    return inside / union.clamp(min=SMALLEST_AREA)


def generalised_iou(first: Tensor, second: Tensor) -> Tensor:
    """Return IoU minus the empty share of the enclosing box (Rezatofighi et al. 2019, arXiv:1902.09630), (...).

    Args:
        first: (..., 4) x1 y1 x2 y2.
        second: (..., 4).
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


CLASS_WEIGHT = 2.0


BOX_WEIGHT = 5.0


GIOU_WEIGHT = 2.0


PairCost = Callable[[Predictions, Targets], Tensor]


"""Gives the cost (Q, n) of matching the Q queries of one picture (no batch axis) with its n objects."""


def detection_cost(predictions: Predictions, targets: Targets) -> Tensor:
    """Return the weighted sum of class, box and overlap costs, (Q, n)."""
    return (
        CLASS_WEIGHT * class_cost(predictions.logits, targets.classes)
        + BOX_WEIGHT * box_cost(predictions.boxes, targets.boxes)
        + GIOU_WEIGHT * giou_cost(predictions.boxes, targets.boxes)
    )


def class_cost(logits: Tensor, classes: Tensor) -> Tensor:
    """Return the change of the focal loss when queries with logits (Q, C) become objects of classes (n,), (Q, n)."""
    chosen = logits[:, classes]
    score = chosen.sigmoid()
    gain = ALPHA * (1 - score).square() * -logsigmoid(chosen)
    return gain - (1 - ALPHA) * score.square() * -logsigmoid(-chosen)


def box_cost(boxes: Tensor, true: Tensor) -> Tensor:
    """Return the sum of absolute differences (Q, n) of boxes (Q, 4) and (n, 4)."""
    return (boxes[:, None] - true).abs().sum(-1)


def giou_cost(boxes: Tensor, true: Tensor) -> Tensor:
    """Return minus the generalised IoU (Q, n) of boxes (Q, 4) and (n, 4) centre x, centre y, width, height."""
    return -generalised_iou(xywh_to_xyxy(boxes)[:, None], xywh_to_xyxy(true))


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """M pairs, picture after picture and group after group.

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


@dataclass(frozen=True, kw_only=True)
class Matched:
    """What the losses of one layer are computed of.

    Attributes:
        predictions: of the layer, in 32 bits.
        targets: objects of the batch.
        pairs: which belong together.
        object_count: what sums over objects are divided by.
    """

    predictions: Predictions
    targets: Targets
    pairs: Pairs
    object_count: Tensor

    @cached_property
    def boxes(self) -> Tensor:
        """(M, 4) predicted boxes, centre x, centre y, width, height as fractions of the picture."""
        return self.predictions.boxes[self.pairs.pictures, self.pairs.queries]

    @cached_property
    def true_boxes(self) -> Tensor:
        """(M, 4) boxes of the objects."""
        return self.targets.boxes[self.pairs.targets]

    @cached_property
    def classes(self) -> Tensor:
        """(M,) classes of the objects."""
        return self.targets.classes[self.pairs.targets]

    @property
    def has_keypoints(self) -> bool:
        """Whether there is anything to compare keypoints of."""
        return self.predictions.keypoints is not None and self.targets.keypoints is not None and len(self.pairs) > 0

    @cached_property
    def keypoints(self) -> Tensor:
        """(M, K, channels) predicted keypoints."""
        assert self.predictions.keypoints is not None
        return self.predictions.keypoints[self.pairs.pictures, self.pairs.queries]

    @cached_property
    def true_keypoints(self) -> Tensor:
        """(M, K, 3) keypoints of the objects."""
        assert self.targets.keypoints is not None
        return self.targets.keypoints[self.pairs.targets]


ALPHA = 0.25


SMALLEST_TARGET = 0.01


EPS = 1e-8


def overlap_aware_loss(matched: Matched) -> Tensor:
    """Return a cross-entropy whose target for a matched query grows with its score and the overlap of its box.

    Unmatched entries are weighted by their squared score, as easy ones have been learned.
    """
    logits = matched.predictions.logits
    scores = logits.sigmoid()
    entry = _matched_entries(matched)
    target = (scores[entry] ** ALPHA * _overlaps(matched) ** (1 - ALPHA)).clamp(min=SMALLEST_TARGET).detach()
    positive = torch.zeros_like(logits).index_put(entry, target)
    negative = scores.square().index_put(entry, 1 - target)
    return (negative * logits - logsigmoid(logits) * (positive + negative)).sum() / matched.object_count


def focal_loss(matched: Matched) -> Tensor:
    """Return the focal loss (Lin et al. 2017, arXiv:1708.02002)."""
    logits = matched.predictions.logits
    target = torch.zeros_like(logits).index_put(_matched_entries(matched), logits.new_ones(()))
    scores = logits.sigmoid()
    wrong = scores * (1 - target) + (1 - scores) * target
    balance = ALPHA * target + (1 - ALPHA) * (1 - target)
    return _weighted(matched, target, balance * wrong.square())


def varifocal_loss(matched: Matched) -> Tensor:
    """Return a variant of the varifocal loss (Zhang et al. 2020, arXiv:2008.13367): targets are overlaps."""
    target = _overlap_targets(matched)
    distance = (matched.predictions.logits.sigmoid() - target).square()
    return _weighted(matched, target, torch.where(target > 0, target, (1 - ALPHA) * distance))


def position_supervised_loss(matched: Matched) -> Tensor:
    """Return the loss of Stable-DINO (Liu et al. 2023, arXiv:2304.04742): overlaps relative to the picture's best."""
    target = _overlap_targets(matched)
    target = target / (target.amax((1, 2), keepdim=True) + EPS)
    distance = (matched.predictions.logits.sigmoid() - target).square()
    return _weighted(matched, target, torch.where(target > 0, ALPHA, 1 - ALPHA) * distance)


def _weighted(matched: Matched, target: Tensor, weight: Tensor) -> Tensor:
    logits = matched.predictions.logits
    entropy = binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (entropy * weight).sum() / matched.object_count


def _overlap_targets(matched: Matched) -> Tensor:
    """Return (B, Q, C): the overlap of matched entries, 0 elsewhere."""
    return torch.zeros_like(matched.predictions.logits).index_put(_matched_entries(matched), _overlaps(matched))


def _matched_entries(matched: Matched) -> tuple[Tensor, Tensor, Tensor]:
    return matched.pairs.pictures, matched.pairs.queries, matched.classes


def _overlaps(matched: Matched) -> Tensor:
    return iou(xywh_to_xyxy(matched.boxes.detach()), xywh_to_xyxy(matched.true_boxes))


CLASS_LOSSES: Final[dict[str, Callable[[Matched], Tensor]]] = {
    "ia_bce": overlap_aware_loss,
    "focal": focal_loss,
    "varifocal": varifocal_loss,
    "position": position_supervised_loss,
}


"""Class losses by the names that the reference implementation gives them."""


@dataclass(frozen=True, kw_only=True)
class DetectionLosses:
    """Scores classes and boxes of one layer.

    Attributes:
        class_loss: one of `CLASS_LOSSES`.
    """

    class_loss: Callable[[Matched], Tensor] = overlap_aware_loss

    def __call__(self, matched: Matched) -> dict[str, Tensor]:
        """Return the losses by name."""
        overlap = generalised_iou(xywh_to_xyxy(matched.boxes), xywh_to_xyxy(matched.true_boxes))
        return {
            "cls_loss": self.class_loss(matched),
            "box_loss": (matched.boxes - matched.true_boxes).abs().sum() / matched.object_count,
            "giou_loss": (1 - overlap).sum() / matched.object_count,
        }


@dataclass(frozen=True)
class _Part:
    """Objects of one picture: its index, the index of the first object, and how many there are."""

    picture: int
    first: int
    count: int


@torch.no_grad()
def match(predictions: Predictions, targets: Targets, groups: int, cost: PairCost) -> Pairs:
    """Return the cheapest one-to-one matching of each picture and group.

    Args:
        predictions: of B pictures, groups * N queries each.
        targets: objects of the B pictures.
        groups: sets of queries.
        cost: of matching queries with objects.
    """
    parts = _parts(targets, len(predictions.logits))
    costs = [cost(_picture(predictions, part.picture), _objects(targets, part)).float() for part in parts]
    columns = [_assign(matrix, part, groups) for matrix, part in zip(_fetched(costs), parts, strict=True)]
    joined = np.concatenate(columns, 1) if columns else np.empty((3, 0), np.int64)
    pictures, queries, objects = torch.from_numpy(joined).to(predictions.logits.device)
    return Pairs(pictures=pictures, queries=queries, targets=objects)


def _parts(targets: Targets, pictures: int) -> list[_Part]:
    counts = torch.bincount(targets.pictures, minlength=pictures).tolist()
    firsts = np.cumsum([0, *counts]).tolist()
    return [_Part(picture, firsts[picture], count) for picture, count in enumerate(counts) if count]


def _picture(predictions: Predictions, index: int) -> Predictions:
    return Predictions(*(None if part is None else part[index] for part in predictions))  # type: ignore[arg-type]


def _objects(targets: Targets, part: _Part) -> Targets:
    own = slice(part.first, part.first + part.count)
    return Targets(
        pictures=targets.pictures[own],
        classes=targets.classes[own],
        boxes=targets.boxes[own],
        keypoints=None if targets.keypoints is None else targets.keypoints[own],
    )


def _fetched(costs: list[Tensor]) -> list[NDArray[np.float32]]:
    """Bring costs to the CPU, all at once: an accelerator is waited for once."""
    if not costs:
        return []
    flat = torch.cat([cost.flatten() for cost in costs]).cpu().numpy()
    ends = np.cumsum([cost.numel() for cost in costs])[:-1]
    return [part.reshape(cost.shape) for part, cost in zip(np.split(flat, ends), costs, strict=True)]


def _assign(cost: NDArray[np.float32], part: _Part, groups: int) -> NDArray[np.int64]:
    """Return the rows picture, query and object of the matches of one picture."""
    from scipy.optimize import linear_sum_assignment

    size = len(cost) // groups
    columns = []
    for group, block in enumerate(_finite(cost).reshape(groups, size, -1)):
        queries, objects = linear_sum_assignment(block)
        columns.append(np.stack((np.full_like(queries, part.picture), queries + group * size, objects + part.first)))
    return np.concatenate(columns, 1)


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


POSE_EPS = 1e-6


VISIBLE = 2


@dataclass(frozen=True, kw_only=True)
class PoseLosses:
    """Scores the keypoints of one layer; layers without keypoints get 0.

    Attributes:
        sigmas: OKS sigma of each keypoint.
        skip_unlabelled: leave objects without labelled keypoints out of the mean of OKS; else each adds a constant 1,
            as in the first version of this loss, which has no gradient but shrinks that of the other objects.
    """

    sigmas: Sequence[float]
    skip_unlabelled: bool = True

    def __call__(self, matched: Matched) -> dict[str, Tensor]:
        """Return the losses by name."""
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
            "kpt_l1_loss": (apart.abs().sum(-1) * labelled).sum() / (labelled.sum() + POSE_EPS),
            "kpt_vis_loss": binary_cross_entropy_with_logits(matched.keypoints[..., 2], visible),
            "kpt_oks_loss": self._oks_loss(apart, labelled, matched.true_boxes),
        }

    def _oks_loss(self, apart: Tensor, labelled: Tensor, boxes: Tensor) -> Tensor:
        """Return 1 - mean OKS, with the area of the box for that of the object.

        Args:
            apart: (M, K, 2) errors as fractions of the picture.
            labelled: (M, K) bool.
            boxes: (M, 4) centre x, centre y, width, height as the same fractions.
        """
        spread = (2 * boxes.new_tensor(self.sigmas)).square()
        area = boxes[:, 2:].prod(-1, keepdim=True)
        similarity = (-apart.square().sum(-1) / (2 * area * spread + POSE_EPS)).exp() * labelled
        count = labelled.sum(-1)
        per_object = similarity.sum(-1) / count.clamp(min=1)
        objects = (count > 0).sum() if self.skip_unlabelled else count.new_tensor(len(count))
        # Objects without labels are 0 in the sum: with none at all this is 0, not 1.
        return (objects - per_object.sum()) / objects.clamp(min=1)


LayerLosses = Callable[[Matched], Mapping[str, Tensor]]


"""Gives the losses of one layer by name, each a scalar, before its weight."""


DETECTION_WEIGHTS: Final = {"cls_loss": 1.0, "box_loss": 5.0, "giou_loss": 2.0}


POSE_WEIGHTS: Final = {
    **DETECTION_WEIGHTS,
    "cls_loss": 2.0,
    "kpt_l1_loss": 5.0,
    "kpt_vis_loss": 2.0,
    "kpt_oks_loss": 2.0,
}


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
        return {
            layer: self._score(predictions, targets, outputs.groups, count) for layer, predictions in _layers(outputs)
        }

    def _score(self, predictions: Predictions, targets: Targets, groups: int, count: Tensor) -> dict[str, Tensor]:
        precise = Predictions(*(None if part is None else part.float() for part in predictions))  # type: ignore[arg-type]
        pairs = match(precise, targets, groups, self._cost)
        matched = Matched(predictions=precise, targets=targets, pairs=pairs, object_count=count)
        return {name: value for losses in self._layer_losses for name, value in losses(matched).items()}

    def end_epoch(self, epochs: int) -> None:
        """Do nothing: all epochs are alike."""

    def advance_to(self, epoch: int, epochs: int) -> None:
        """Do nothing: all epochs are alike."""


def detection_criterion() -> SetCriterion:
    """Return the criterion of a detector."""
    return SetCriterion([DetectionLosses()], DETECTION_WEIGHTS)


def pose_criterion(sigmas: Sequence[float]) -> SetCriterion:
    """Return the criterion of a detector with a pose head.

    Args:
        sigmas: OKS sigma of each keypoint.
    """
    return SetCriterion([DetectionLosses(), PoseLosses(sigmas=sigmas)], POSE_WEIGHTS)


def _layers(outputs: Outputs) -> Iterator[tuple[str, Predictions]]:
    yield "last", outputs.last
    for index, predictions in enumerate(outputs.auxiliary):
        yield str(index), predictions
    if outputs.encoder is not None:
        yield "encoder", outputs.encoder
