"""Task-aligned assignment: which anchor points learn which object (Feng et al. 2021, arXiv:2108.07755)."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from posekit.models.yolo.losses.candidates import inside_boxes
from posekit.models.yolo.losses.grid import Grid
from posekit.models.yolo.losses.objects import Objects
from posekit.models.yolo.losses.overlaps import Overlap, box_overlap
from posekit.models.yolo.losses.predictions import Pairs, Predictions, alignment

LOGGER = logging.getLogger("posekit")
EPS = 1e-9


@dataclass(frozen=True, kw_only=True)
class Positives:
    """The P anchor points that learn an object, sorted by picture, then anchor.

    Attributes:
        pictures: (P,) int64.
        anchors: (P,) int64.
        slots: (P,) int64 slot of the object in its picture.
        scores: (P,) class score to aim at, in 0 ... 1; also the weight of the box terms.
    """

    pictures: Tensor
    anchors: Tensor
    slots: Tensor
    scores: Tensor

    def __len__(self) -> int:
        return len(self.pictures)

    def take(self, rows: Tensor) -> "Positives":
        """Return those with the given indices (Q,), or where a mask (P,) is true."""
        return Positives(
            pictures=self.pictures[rows], anchors=self.anchors[rows], slots=self.slots[rows], scores=self.scores[rows]
        )


@dataclass(frozen=True, kw_only=True)
class Assigner:
    """Chooses the anchor points of each object among candidates by class score and overlap.

    Attributes:
        topk: anchor points per object before conflicts are settled.
        kept: anchor points per object in the end.
        overlap: how overlap is measured.
        candidates: which anchor points may stand for which objects.
    """

    topk: int = 10
    kept: int = 10
    overlap: Overlap = box_overlap
    candidates: Callable[[Objects, Grid], Tensor] = inside_boxes

    @torch.no_grad()
    def __call__(self, objects: Objects, predictions: Predictions, grid: Grid) -> Positives:
        """Assign the objects of B pictures; picture by picture when the device has not enough memory for all."""
        try:
            return self._assign(objects, predictions, grid)
        except torch.OutOfMemoryError:
            LOGGER.debug("not enough device memory to assign a batch at once: going picture by picture")
        parts = []
        for picture in range(len(objects.labels)):
            one = slice(picture, picture + 1)
            parts.append(self._assign(objects.take(one), predictions.take(one), grid))
        return _joined(parts)

    def _assign(self, objects: Objects, predictions: Predictions, grid: Grid) -> Positives:
        if objects.labels.shape[1] == 0:
            return _none(predictions.scores)
        candidates = self.candidates(objects, grid)
        pairs = Pairs.where(candidates)
        overlap = self.overlap(pairs, objects, predictions)
        metric = alignment(pairs, overlap, objects, predictions)
        overlaps = pairs.spread(overlap, candidates.shape)
        metrics = pairs.spread(metric, candidates.shape)
        owners = _settle(_best(metrics, candidates, self.topk), overlaps)
        if self.kept != self.topk:
            owners = _keep_best(owners, metrics, self.kept)
        pictures, anchors = (owners >= 0).nonzero(as_tuple=True)
        slots = owners[pictures, anchors]
        won = Pairs(pictures=pictures, slots=slots, anchors=anchors)
        scores = _soft_scores(won, metrics, overlaps)
        return Positives(pictures=pictures, anchors=anchors, slots=slots, scores=scores)


def _best(metrics: Tensor, candidates: Tensor, count: int) -> Pairs:
    """Return the candidates among the `count` anchor points of largest metric (B, M, N) of each object.

    An object with fewer candidates above zero fills up with anchor points of metric zero, in the order of
    `torch.topk`; those that are no candidates drop out.
    """
    best = metrics.topk(min(count, metrics.shape[2]), 2).indices  # (B, M, count)
    pictures, slots, place = candidates.gather(2, best).nonzero(as_tuple=True)
    return Pairs(pictures=pictures, slots=slots, anchors=best[pictures, slots, place])


def _settle(selected: Pairs, overlaps: Tensor) -> Tensor:
    """Return the slot that each anchor point learns, (B, N), -1 for none.

    An anchor point that several objects selected goes to the one with the largest overlap (B, M, N),
    even if that one had not selected it.
    """
    batch, _, anchors = overlaps.shape
    owners = selected.slots.new_full((batch, anchors), -1)
    owners[selected.pictures, selected.anchors] = selected.slots
    claims = torch.zeros_like(owners)
    claims.index_put_((selected.pictures, selected.anchors), torch.ones_like(selected.slots), accumulate=True)
    pictures, contested = (claims > 1).nonzero(as_tuple=True)
    owners[pictures, contested] = overlaps[pictures, :, contested].argmax(1)
    return owners


def _keep_best(owners: Tensor, metrics: Tensor, count: int) -> Tensor:
    """Return owners (B, N) of which each object keeps the `count` anchor points of largest metric (B, M, N)."""
    pictures, anchors = (owners >= 0).nonzero(as_tuple=True)
    slots = owners[pictures, anchors]
    held = Pairs(pictures=pictures, slots=slots, anchors=anchors)
    own = held.spread(metrics[pictures, slots, anchors], metrics.shape)
    best = own.topk(count, 2).indices  # (B, M, count)
    stays = (best[pictures, slots] == anchors[:, None]).any(1)
    kept = torch.full_like(owners, -1)
    kept[pictures[stays], anchors[stays]] = slots[stays]
    return kept


def _soft_scores(won: Pairs, metrics: Tensor, overlaps: Tensor) -> Tensor:
    """Return the metric (P,) of each pair, scaled so that an object's best equals its best overlap."""
    metric = metrics[won.pictures, won.slots, won.anchors]
    overlap = overlaps[won.pictures, won.slots, won.anchors]
    objects = won.pictures * metrics.shape[1] + won.slots
    zeros = metric.new_zeros(metrics.shape[0] * metrics.shape[1])
    best_metric = zeros.scatter_reduce(0, objects, metric, "amax")[objects]
    best_overlap = zeros.scatter_reduce(0, objects, overlap, "amax")[objects]
    return metric * best_overlap / (best_metric + EPS)


def _none(like: Tensor) -> Positives:
    nothing = torch.zeros(0, dtype=torch.int64, device=like.device)
    return Positives(pictures=nothing, anchors=nothing, slots=nothing, scores=like.new_zeros(0))


def _joined(parts: list[Positives]) -> Positives:
    """Join the assignments of single pictures."""
    pictures = [torch.full_like(part.pictures, picture) for picture, part in enumerate(parts)]
    return Positives(
        pictures=torch.cat(pictures),
        anchors=torch.cat([part.anchors for part in parts]),
        slots=torch.cat([part.slots for part in parts]),
        scores=torch.cat([part.scores for part in parts]),
    )
