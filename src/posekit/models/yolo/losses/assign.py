"""Task-aligned assignment: which anchor points learn which object (Feng et al. 2021, arXiv:2108.07755)."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

from posekit.errors import ShapeError
from posekit.log import LOGGER
from posekit.models.yolo.losses.objects import Decoded, Grid, MaskPixels, Objects, Pairs, alignment

# An object is learned by levels whose cells are 1/2 to 1/12 of its side (square root of the box area).
FEWEST_CELLS, MOST_CELLS = 2, 12
EPS: Final = 1e-9
CIOU_EPS: Final = 1e-7
AREA_SHARE: Final = 0.53  # of a box that its object covers, on average; the published networks were trained with it
PIXELS_PER_CHUNK: Final = 2**22  # mask pixels held at once: up to 120 MiB with their coordinates
TIE_BREAK: Final = 1e-9  # lifts candidate pairs above all others

# A measure of how well predictions cover objects: the overlap (P,) in 0 ... 1 of each pair.
Overlap = Callable[[Pairs, Objects, Decoded], Tensor]


def inside_boxes(objects: Objects, grid: Grid) -> Tensor:
    """Return which anchor points lie strictly inside which boxes: (B, M, N) bool.

    A box side shorter than a cell of the second level counts as long as that cell, about the same centre:
    otherwise the smallest objects would have no anchor point.
    """
    floor = grid.levels[min(1, len(grid.levels) - 1)]
    near, far = objects.boxes[..., :2], objects.boxes[..., 2:]
    centre, short = (near + far) / 2, (far - near) < floor
    near = torch.where(short, centre - floor / 2, near)[:, :, None]  # (B, M, 1, 2)
    far = torch.where(short, centre + floor / 2, far)[:, :, None]
    x, y = grid.pixels.unbind(1)
    across = (x > near[..., 0]) & (x < far[..., 0]) & objects.valid[:, :, None]
    return across & (y > near[..., 1]) & (y < far[..., 1])


def inside_boxes_at_fitting_levels(objects: Objects, grid: Grid) -> Tensor:
    """Return the anchor points inside boxes on levels that fit the object's size: (B, M, N) bool.

    The finest level takes all smaller objects, the coarsest all larger ones; an object left without
    anchor points keeps those of all levels.
    """
    inside = inside_boxes(objects, grid)
    sides = (objects.boxes[..., 2:] - objects.boxes[..., :2]).clamp(min=0).prod(2).sqrt()[:, :, None]  # (B, M, 1)
    strides = grid.strides
    large_enough = (sides >= FEWEST_CELLS * strides) | (strides == min(grid.levels))
    small_enough = (sides <= MOST_CELLS * strides) | (strides == max(grid.levels))
    fitting = inside & large_enough & small_enough
    return torch.where(fitting.any(2, keepdim=True), fitting, inside)


def complete_iou(first: Tensor, second: Tensor) -> Tensor:
    """Return the complete IoU (...,) of corner boxes (..., 4), pair by pair (Zheng et al. 2020, arXiv:1911.08287).

    At most 1; negative for boxes far apart. The weight of the aspect-ratio term carries no gradient.
    """
    ax1, ay1, ax2, ay2 = first.unbind(-1)
    bx1, by1, bx2, by2 = second.unbind(-1)
    # Heights alone get the epsilon: the published networks were trained so.
    aw, ah, bw, bh = ax2 - ax1, ay2 - ay1 + CIOU_EPS, bx2 - bx1, by2 - by1 + CIOU_EPS
    shared_w = (torch.minimum(ax2, bx2) - torch.maximum(ax1, bx1)).clamp(min=0)
    shared_h = (torch.minimum(ay2, by2) - torch.maximum(ay1, by1)).clamp(min=0)
    shared = shared_w * shared_h
    iou = shared / (aw * ah + bw * bh - shared + CIOU_EPS)
    hull_w = torch.maximum(ax2, bx2) - torch.minimum(ax1, bx1)
    hull_h = torch.maximum(ay2, by2) - torch.minimum(ay1, by1)
    diagonal = hull_w.square() + hull_h.square() + CIOU_EPS
    distance = ((bx1 + bx2 - ax1 - ax2).square() + (by1 + by2 - ay1 - ay2).square()) / 4
    aspect = (4 / math.pi**2) * (torch.atan(bw / bh) - torch.atan(aw / ah)).square()
    with torch.no_grad():
        weight = aspect / (1 - iou + aspect + CIOU_EPS)
    return iou - (distance / diagonal + aspect * weight)


def mask_overlap(pairs: Pairs, metric: Tensor, objects: Objects, decoded: Decoded, shortlist: int) -> Tensor:
    """Return the IoU (P,) of predicted and true masks, at the size of the prototypes.

    Only the pairs that are most promising by `metric` (P,) are compared, `shortlist` per object; the others get 0.
    """
    prototypes = decoded.prototypes
    if decoded.coefficients is None or prototypes is None:
        raise ShapeError("mask overlaps need a head with mask coefficients and prototypes")
    masks = objects.require_masks().resized((prototypes.shape[2], prototypes.shape[3]))
    areas = masks.areas()
    overlap = torch.zeros_like(metric)
    step = max(PIXELS_PER_CHUNK // prototypes[0, 0].numel(), 1)
    rows = _shortlisted(pairs, metric, objects, decoded, shortlist)
    counts = pairs.pictures[rows].bincount(minlength=len(prototypes)).tolist()
    for picture, of_picture in enumerate(torch.split(rows, counts)):
        for some in torch.split(of_picture, step):
            slots, anchors = pairs.slots[some], pairs.anchors[some]
            boxes = decoded.boxes[picture, anchors] / decoded.prototype_stride
            pixels = MaskPixels.inside(boxes, masks.size)
            found = pixels.logits(decoded.coefficients[picture, anchors], prototypes[picture]) > 0
            true = masks.at(picture, slots, pixels)
            overlap[some] = mask_iou(found, true, pixels, areas[picture, slots]).to(overlap)
    return overlap


def mask_iou(found: Tensor, true: Tensor, pixels: MaskPixels, areas: Tensor) -> Tensor:
    """Return the IoU (k,) of k predicted masks, cropped to their boxes, with their true ones.

    `found` and `true` (T,) bool tell which `pixels` of the boxes belong to the masks; `areas` (k,) count the pixels of
    the true masks, in and out of the boxes.
    """
    predicted = pixels.owners[found].bincount(minlength=len(areas))
    shared = pixels.owners[found & true].bincount(minlength=len(areas))
    return shared / (predicted + areas - shared).clamp(min=1)


def _shortlisted(pairs: Pairs, metric: Tensor, objects: Objects, decoded: Decoded, shortlist: int) -> Tensor:
    """Return the rows (R,) of the most promising pairs of each object."""
    shape = (*objects.labels.shape, decoded.boxes.shape[1])
    best = pairs.spread(metric + TIE_BREAK, shape).topk(min(shortlist, shape[2]), 2).indices
    listed = torch.zeros(shape, dtype=torch.bool, device=metric.device).scatter_(2, best, True)
    return listed[pairs.pictures, pairs.slots, pairs.anchors].nonzero()[:, 0]


def box_overlap(pairs: Pairs, objects: Objects, decoded: Decoded) -> Tensor:
    """Return the complete IoU (P,) of boxes, 0 where it is negative."""
    true = objects.boxes[pairs.pictures, pairs.slots]
    return complete_iou(true, decoded.boxes[pairs.pictures, pairs.anchors]).clamp(min=0)


def keypoint_overlap(pairs: Pairs, objects: Objects, decoded: Decoded, sigmas: tuple[float, ...]) -> Tensor:
    """Return the OKS (P,), or the complete IoU of the boxes for objects without labelled keypoints."""
    similarity, labelled = keypoint_similarity(pairs, objects, decoded, sigmas)
    return torch.where(labelled, similarity, box_overlap(pairs, objects, decoded))


def box_and_mask_overlap(pairs: Pairs, objects: Objects, decoded: Decoded, shortlist: int) -> Tensor:
    """Return the mean (P,) of the complete IoU of boxes and the IoU of masks; for `shortlist` see `mask_overlap`."""
    boxes = box_overlap(pairs, objects, decoded)
    masks = mask_overlap(pairs, alignment(pairs, boxes, objects, decoded), objects, decoded, shortlist)
    return (boxes + masks) / 2


def joint_overlap(
    pairs: Pairs, objects: Objects, decoded: Decoded, sigmas: tuple[float, ...], shortlist: int
) -> Tensor:
    """Return the mean (P,) of the overlaps of both single tasks; segmentation alone where no keypoint is labelled.

    That of segmentation is the mean of boxes and masks, or that of boxes where no mask is known.
    """
    boxes = box_overlap(pairs, objects, decoded)
    masks = mask_overlap(pairs, alignment(pairs, boxes, objects, decoded), objects, decoded, shortlist)
    keypoints, labelled = keypoint_similarity(pairs, objects, decoded, sigmas)
    outlined = objects.are_outlined(pairs.pictures, pairs.slots)
    shapes = torch.where(outlined, (boxes + masks) / 2, boxes)
    return torch.where(labelled, (shapes + keypoints) / 2, shapes)


def keypoint_similarity(
    pairs: Pairs, objects: Objects, decoded: Decoded, sigmas: tuple[float, ...]
) -> tuple[Tensor, Tensor]:
    """Return the OKS (P,) of each pair, and whether its object has a labelled keypoint, (P,) bool."""
    if decoded.keypoints is None:
        raise ShapeError("keypoint overlaps need a head with keypoints")
    true = objects.require_keypoints()[pairs.pictures, pairs.slots]  # (P, K, 3)
    near, far = objects.boxes[pairs.pictures, pairs.slots].chunk(2, 1)
    area = (far - near).prod(1) * AREA_SHARE + 1e-9  # (P,)
    spread = (2 * true.new_tensor(sigmas)).square() * 2  # (K,)
    found = decoded.keypoints[pairs.pictures, pairs.anchors]
    distance = (found - true[..., :2]).square().sum(2)  # (P, K)
    labelled = true[..., 2] > 0
    similarity = torch.exp(-distance / (spread * area[:, None])) * labelled
    counts = labelled.sum(1)
    return similarity.sum(1) / counts.clamp(min=1), counts > 0


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
        parts: dict[str, Any] = {name: part[rows] for name, part in vars(self).items()}
        return Positives(**parts)


@dataclass(frozen=True, kw_only=True)
class Assigner:
    """Chooses the anchor points of each object among candidates by class score and overlap.

    Attributes:
        topk: anchor points per object before conflicts are settled.
        kept: anchor points per object in the end.
        overlap: how overlap is measured.
        candidates: which anchor points may stand for which objects, (B, M, N) bool.
    """

    topk: int = 10
    kept: int = 10
    overlap: Overlap = box_overlap
    candidates: Callable[[Objects, Grid], Tensor] = inside_boxes

    @torch.no_grad()
    def __call__(self, objects: Objects, decoded: Decoded, grid: Grid) -> Positives:
        """Assign the objects of B pictures; picture by picture when the device has not enough memory for all."""
        try:
            return self._assign(objects, decoded, grid)
        except torch.OutOfMemoryError:
            LOGGER.debug("not enough device memory to assign a batch at once: going picture by picture")
        parts = []
        for picture in range(len(objects.labels)):
            one = slice(picture, picture + 1)
            parts.append(self._assign(objects.take(one), decoded.take(one), grid))
        return _joined(parts)

    def _assign(self, objects: Objects, decoded: Decoded, grid: Grid) -> Positives:
        if objects.labels.shape[1] == 0:
            nothing = torch.zeros(0, dtype=torch.int64, device=decoded.scores.device)
            return Positives(pictures=nothing, anchors=nothing, slots=nothing, scores=decoded.scores.new_zeros(0))
        candidates = self.candidates(objects, grid)
        pairs = Pairs.where(candidates)
        overlap = self.overlap(pairs, objects, decoded)
        metric = alignment(pairs, overlap, objects, decoded)
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


def _joined(parts: list[Positives]) -> Positives:
    """Join the assignments of single pictures."""
    pictures = [torch.full_like(part.pictures, picture) for picture, part in enumerate(parts)]
    return Positives(
        pictures=torch.cat(pictures),
        anchors=torch.cat([part.anchors for part in parts]),
        slots=torch.cat([part.slots for part in parts]),
        scores=torch.cat([part.scores for part in parts]),
    )
