"""The loss terms, and what they are computed of: one branch's outputs beside the objects they should have found."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, interpolate, one_hot

from posekit.models.yolo.decode import DecodeRule, keypoint_places
from posekit.models.yolo.heads import BranchOutputs
from posekit.models.yolo.layers import RealNVP
from posekit.models.yolo.losses.assign import Positives, complete_iou
from posekit.models.yolo.losses.objects import Grid, MaskPixels, Objects, resize_nearest

BIN_MARGIN: Final = 0.01  # keeps the upper of the two bins around a distance within range
EPS: Final = 1e-9
MAX_ERROR: Final = 100.0  # of keypoints, in spreads
# COCO's 17 points: shoulders to ankles are harder than faces.
COCO_WEIGHTS: Final = (1.0,) * 7 + (1.2, 1.2, 1.5, 1.5, 1.0, 1.0, 1.2, 1.2, 1.5, 1.5)


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
class AssignedKeypoints:
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
class Assigned:
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
    def keypoints(self) -> AssignedKeypoints:
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
        return AssignedKeypoints(
            rows=rows,
            found=keypoint_places(raw[..., :2], self.points[rows, None], rule),
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


def class_term(assigned: Assigned) -> Tensor:
    """Return the binary cross-entropy of all class scores with the scores to aim at."""
    logits, positives = assigned.raw["scores"], assigned.positives
    labels = assigned.objects.labels[positives.pictures, positives.slots]
    target = torch.zeros_like(logits)
    target[positives.pictures, labels, positives.anchors] = positives.scores
    weights = assigned.rules.class_weights
    factors = None if weights is None else weights.to(logits)[:, None]  # (nc, 1)
    return binary_cross_entropy_with_logits(logits, target, factors, reduction="sum") / assigned.weight_sum


def box_term(assigned: Assigned) -> Tensor:
    """Return 1 - CIoU of the boxes, weighted by score, in cells."""
    near, far = _distances(assigned.box_bins).chunk(2, 1)
    found = torch.cat((assigned.points - near, assigned.points + far), 1)
    overlap = complete_iou(found, assigned.true_boxes / assigned.strides)
    return ((1 - overlap) * assigned.positives.scores).sum() / assigned.weight_sum


def dfl_term(assigned: Assigned) -> Tensor:
    """Return the distribution focal loss of the four distances, weighted by score."""
    loss = distribution_focal_loss(assigned.box_bins, _true_distances(assigned)).mean(1)
    return (loss * assigned.positives.scores).sum() / assigned.weight_sum


def l1_term(assigned: Assigned) -> Tensor:
    """Return the L1 loss of the four distances as fractions of the input, weighted by score."""
    height, width = assigned.grid.size
    scale = assigned.strides / assigned.points.new_tensor((width, height, width, height))  # (P, 4)
    error = (assigned.box_bins[:, :, 0] - _true_distances(assigned)) * scale
    return (error.abs().mean(1) * assigned.positives.scores).sum() / assigned.weight_sum


def distribution_focal_loss(bins: Tensor, target: Tensor) -> Tensor:
    """Return the cross-entropy (...) of bins with the two around each distance (Li et al. 2020, arXiv:2006.04388).

    `bins` (..., reg_max) are logits, `target` (...) distances in cells; clamped to what the bins can say.
    """
    target = target.clamp(0, bins.shape[-1] - 1 - BIN_MARGIN)
    lower = target.floor()
    share = target - lower
    log_p = bins.log_softmax(-1)
    index = lower.long()[..., None]
    below, above = log_p.gather(-1, index)[..., 0], log_p.gather(-1, index + 1)[..., 0]
    return -((1 - share) * below + share * above)


def _distances(bins: Tensor) -> Tensor:
    """Return the distances (P, 4) in cells that bins (P, 4, reg_max) stand for.

    It is `decode.expected_distances` with the bins last: the gradient of that one has other last digits.
    """
    if bins.shape[2] == 1:
        return bins[:, :, 0]
    return bins.softmax(2) @ torch.arange(bins.shape[2], device=bins.device, dtype=bins.dtype)


def _true_distances(assigned: Assigned) -> Tensor:
    """Return the distances (P, 4) from anchor points to the sides of the true boxes, in cells."""
    near, far = (assigned.true_boxes / assigned.strides).chunk(2, 1)
    return torch.cat((assigned.points - near, far - assigned.points), 1)


def location_term(assigned: Assigned) -> Tensor:
    """Return the OKS loss of labelled keypoints."""
    keypoints = assigned.keypoints
    sigmas = keypoints.found.new_tensor(assigned.rules.sigmas)
    return location_loss(keypoints.found, keypoints.true, keypoints.labelled, keypoints.areas, sigmas)


def visibility_term(assigned: Assigned) -> Tensor:
    """Return the binary cross-entropy of visibility logits with whether keypoints are labelled; 0 without logits."""
    keypoints = assigned.keypoints
    if keypoints.visibility is None:
        return keypoints.found[:0].sum()
    target, owned = keypoints.labelled.to(keypoints.visibility), keypoints.owned.to(keypoints.visibility)
    total = binary_cross_entropy_with_logits(keypoints.visibility, target, owned, reduction="sum")
    return total / owned.sum().clamp(min=1)


def location_loss(found: Tensor, true: Tensor, labelled: Tensor, areas: Tensor, sigmas: Tensor) -> Tensor:
    """Return the mean of 1 - OKS over objects (Maji et al. 2022, arXiv:2204.06806).

    Args:
        found: (Q, K, 2) predicted x, y in cells.
        true: (Q, K, 2) true x, y in cells.
        labelled: (Q, K) bool; other keypoints do not count.
        areas: (Q,) areas of the true boxes in square cells.
        sigmas: (K,) OKS sigmas.
    """
    distance = (found - true).square().sum(2)
    error = distance / ((2 * sigmas).square() * (areas[:, None] + EPS) * 2)
    counting = labelled.to(found)
    share = counting / (counting.sum(1, keepdim=True) + EPS)  # (Q, K), sums to 1 where anything is labelled
    return (share * -(-error).expm1()).sum() / max(len(found), 1)


def flow_term(assigned: Assigned) -> Tensor:
    """Return how unlikely the flow finds the errors of labelled keypoints; 0 outside training."""
    keypoints, flow = assigned.keypoints, assigned.rules.flow
    if flow is None or "kpts_sigma" not in assigned.raw:
        return keypoints.found[:0].sum()
    spread = assigned.gather(assigned.raw["kpts_sigma"])[keypoints.rows].view_as(keypoints.found)
    objects, points = keypoints.labelled.nonzero(as_tuple=True)
    sigma = spread[objects, points].sigmoid()  # (n, 2)
    sigma = sigma.clamp(min=torch.finfo(sigma.dtype).tiny)
    error = (keypoints.found[objects, points] - keypoints.true[objects, points]) / (sigma + EPS)
    finite = error.isfinite().all(1)
    weights = keypoint_weights(assigned.rules.decode.kpt_shape, error)[points]
    return residual_likelihood(flow, error[finite], sigma[finite], weights[finite])


def residual_likelihood(flow: RealNVP, error: Tensor, sigma: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean negative log-likelihood of errors, at least 0 (Li et al. 2021, arXiv:2107.11291).

    `error` (n, 2) are errors of x and y in spreads `sigma` (n, 2), `weights` (n,) those of the points.
    """
    error = error.clamp(-MAX_ERROR, MAX_ERROR)
    log_phi = flow.log_prob(error)[:, None]
    # The flow refines a Laplace density: log(2 sigma) + |error| is its negative logarithm.
    loss = sigma.log() - log_phi + (2 * sigma).log() + error.abs()
    return ((loss * weights[:, None]).sum() / max(len(error), 1)).clamp(min=0)


def keypoint_weights(kpt_shape: tuple[int, int] | None, like: Tensor) -> Tensor:
    """Return the weight (K,) of each keypoint."""
    points = 0 if kpt_shape is None else kpt_shape[0]
    return like.new_tensor(COCO_WEIGHTS if kpt_shape == (17, 3) else (1.0,) * points)


def mask_term(assigned: Assigned) -> Tensor:
    """Return the mean mask loss of the positives of all pictures whose objects have a known mask."""
    masks = assigned.objects.require_masks()
    outlined = assigned.objects.are_outlined(assigned.positives.pictures, assigned.positives.slots)
    positives, true_boxes = assigned.positives.take(outlined), assigned.true_boxes[outlined]
    height, width = assigned.grid.size
    to_map = true_boxes.new_tensor((masks.size[1] / width, masks.size[0] / height)).repeat(2)
    near, far = true_boxes.chunk(2, 1)
    areas = (far - near).prod(1) / (width * height)
    coefficients = assigned.gather(assigned.raw["mask_coefficient"])[outlined]
    prototypes = _at_size(assigned.raw["proto"], masks.size)
    counts = positives.pictures.bincount(minlength=len(prototypes)).tolist()
    by_picture = (torch.split(values, counts) for values in (coefficients, true_boxes * to_map, areas))
    slots = torch.split(positives.slots, counts)
    losses = []
    # Unbound at once: the gradient of each picture's part would otherwise be a tensor of the whole batch.
    for picture, (maps, some, boxes, shares) in enumerate(zip(prototypes.unbind(0), *by_picture, strict=True)):
        pixels = MaskPixels.inside(boxes, masks.size)
        true = masks.at(picture, slots[picture], pixels)
        losses.append(mask_loss(pixels.logits(some, maps), true, pixels, shares, masks.size))
    return torch.stack(losses).sum() / max(len(positives), 1)


def mask_loss(logits: Tensor, true: Tensor, pixels: MaskPixels, areas: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the sum of the mask losses of k positives of one picture.

    Each is the cross-entropy inside the true box as a mean over the whole map, divided by the box's share of the
    picture, so that small and large objects count the same.

    Args:
        logits: (T,) of the pixels inside the true boxes.
        true: (T,) bool, whether the pixels belong to the objects.
        pixels: which pixels they are.
        areas: (k,) areas of the true boxes as fractions of the picture.
        size: (h, w) of the map.
    """
    weights = 1 / (areas * (size[0] * size[1]))
    return binary_cross_entropy_with_logits(logits, true.to(logits), weights[pixels.owners], reduction="sum")


def _at_size(prototypes: Tensor, size: tuple[int, int]) -> Tensor:
    """Return prototypes (B, nm, mh, mw) resized bilinearly to (h, w)."""
    if tuple(prototypes.shape[2:]) == size:
        return prototypes
    return interpolate(prototypes, size, mode="bilinear", align_corners=False)


def semantic_term(assigned: Assigned) -> Tensor:
    """Return the loss of the semantic logits; 0 for heads without, outside training, and without positives."""
    logits, classes = assigned.raw.get("semseg"), assigned.objects.semantic
    if logits is None or classes is None or len(assigned.positives) == 0:
        connected = assigned.raw["scores"] if logits is None else logits
        return connected.flatten()[:0].sum()
    size = (logits.shape[2], logits.shape[3])
    covered = resize_nearest(assigned.objects.require_masks().covered(), size)
    target = semantic_target(resize_nearest(classes, size), covered, logits)
    return semantic_loss(logits, target, known_pixels(assigned.objects, covered, assigned.grid.size))


def semantic_target(classes: Tensor, covered: Tensor, logits: Tensor) -> Tensor:
    """Return classes (B, h, w) one-hot like logits (B, nc, h, w), zero where no object covers them, (B, h, w) bool."""
    known = (classes * covered).long()
    return (one_hot(known, logits.shape[1]).permute(0, 3, 1, 2) * covered[:, None]).to(logits)


def known_pixels(objects: Objects, covered: Tensor, size: tuple[float, float]) -> Tensor | None:
    """Return where the classes of pixels are known, (B, h, w) bool; None when all are.

    Unknown are pixels inside boxes of objects whose mask nobody knows, but for those with a known mask (`covered`,
    (B, h, w) bool). The network input has `size` (H, W) pixels.
    """
    if objects.outlined is None or bool((objects.outlined | ~objects.valid).all()):
        return None
    height, width = covered.shape[1:]
    boxes = objects.boxes * objects.boxes.new_tensor((width / size[1], height / size[0])).repeat(2)
    near_x, near_y, far_x, far_y = (edge[:, :, None] for edge in boxes.unbind(2))  # (B, M, 1)
    x = torch.arange(width, device=boxes.device) + 0.5
    y = torch.arange(height, device=boxes.device) + 0.5
    unknown = (objects.valid & ~objects.outlined)[:, :, None]
    columns, rows = (x > near_x) & (x < far_x) & unknown, (y > near_y) & (y < far_y)
    hidden = (rows[:, :, :, None] & columns[:, :, None]).any(1)
    return covered | ~hidden


def semantic_loss(logits: Tensor, target: Tensor, known: Tensor | None = None) -> Tensor:
    """Return the mean of cross-entropy and Dice loss of logits with a target of 0 and 1, both (B, nc, h, w).

    Of the pixels `known` (B, h, w) bool count; all where it is None.
    """
    probabilities = logits.sigmoid()
    entropy = binary_cross_entropy_with_logits(logits, target, reduction="none")
    share = entropy.new_tensor(1.0)
    if known is not None:
        counting = known[:, None].to(logits)
        probabilities, target, entropy = probabilities * counting, target * counting, entropy * counting
        share = counting.mean()
    shared = (probabilities * target).sum((2, 3))
    dice = 1 - (2 * shared + 1) / (probabilities.sum((2, 3)) + target.sum((2, 3)) + 1)
    return (entropy.mean() / share.clamp(min=EPS) + dice.mean()) / 2
