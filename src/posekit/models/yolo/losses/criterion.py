"""Builds the criterion that a network trains with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import Tensor

from posekit.errors import ShapeError
from posekit.models.contract import Losses
from posekit.models.yolo.decode import DecodeRule
from posekit.models.yolo.heads import Branch, BranchOutputs, HeadSpec, Outputs
from posekit.models.yolo.layers import RealNVP
from posekit.models.yolo.losses.assign import (
    Assigner,
    BoxAndMaskOverlap,
    JointOverlap,
    KeypointOverlap,
    Overlap,
    box_overlap,
    inside_boxes,
    inside_boxes_at_fitting_levels,
)
from posekit.models.yolo.losses.objects import Grid, Objects, Predictions, pack_objects
from posekit.models.yolo.losses.terms import (
    LossRules,
    Matched,
    box_term,
    class_term,
    dfl_term,
    flow_term,
    l1_term,
    location_term,
    mask_term,
    semantic_term,
    visibility_term,
)
from posekit.models.yolo.network import YoloNetwork
from posekit.sample import Targets


@dataclass(frozen=True, kw_only=True)
class LossGains:
    """Factors of the loss terms.

    Attributes:
        box: box overlap; masks and the semantic term, too.
        cls: classes.
        dfl: distances of box sides.
        pose: keypoint location.
        kobj: keypoint visibility.
        rle: residual log-likelihood of keypoints (YOLO26).
    """

    box: float = 7.5
    cls: float = 0.5
    dfl: float = 1.5
    pose: float = 12.0
    kobj: float = 1.0
    rle: float = 1.0


SHORTLIST_PER_ANCHOR = 3  # pairs whose masks are compared, per anchor point that an object selects


@dataclass(frozen=True, kw_only=True)
class LossTerm:
    """One term of a loss.

    Attributes:
        name: name of the item in result files.
        value: computes it, before its gain.
        gain: field of `LossGains` that multiplies it.
    """

    name: str
    value: Callable[[Matched], Tensor]
    gain: Literal["box", "cls", "dfl", "pose", "kobj", "rle"]


BOX: Final = LossTerm(name="box_loss", value=box_term, gain="box")


CLASS: Final = LossTerm(name="cls_loss", value=class_term, gain="cls")


DFL: Final = LossTerm(name="dfl_loss", value=dfl_term, gain="dfl")


L1: Final = LossTerm(name="l1_loss", value=l1_term, gain="dfl")


LOCATION: Final = LossTerm(name="pose_loss", value=location_term, gain="pose")


VISIBILITY: Final = LossTerm(name="kobj_loss", value=visibility_term, gain="kobj")


FLOW: Final = LossTerm(name="rle_loss", value=flow_term, gain="rle")


MASK: Final = LossTerm(name="seg_loss", value=mask_term, gain="box")


SEMANTIC: Final = LossTerm(name="sem_loss", value=semantic_term, gain="box")


@dataclass(frozen=True, kw_only=True)
class TaskLosses:
    """What is special about the losses of a task.

    Attributes:
        terms: the terms in the order of result files; heads without bins have L1 in place of DFL.
        terms_26: what YOLO26 heads add.
        overlap_26: gives YOLO26's measure of overlap, given sigmas and anchor points per object; others compare boxes.
        candidates_26: YOLO26's test of candidates.
        always_skip_unlabelled: whether objects without labelled keypoints never enter the keypoint terms.
    """

    terms: tuple[LossTerm, ...]
    terms_26: tuple[LossTerm, ...] = ()
    overlap_26: Callable[[tuple[float, ...], int], Overlap] = lambda sigmas, topk: box_overlap
    candidates_26: Callable[[Objects, Grid], Tensor] = inside_boxes
    always_skip_unlabelled: bool = False

    def terms_of(self, reg_max: int, *, end2end: bool) -> tuple[LossTerm, ...]:
        """Return the terms of a head with `reg_max` bins per box side; end2end: of YOLO26."""
        terms = self.terms + (self.terms_26 if end2end else ())
        return tuple(L1 if term is DFL and reg_max == 1 else term for term in terms)


def _keypoint_overlap(sigmas: tuple[float, ...], topk: int) -> Overlap:
    return KeypointOverlap(sigmas=sigmas)


def _box_and_mask_overlap(sigmas: tuple[float, ...], topk: int) -> Overlap:
    return BoxAndMaskOverlap(shortlist=SHORTLIST_PER_ANCHOR * topk)


def _joint_overlap(sigmas: tuple[float, ...], topk: int) -> Overlap:
    return JointOverlap(sigmas=sigmas, shortlist=SHORTLIST_PER_ANCHOR * topk)


TASK_LOSSES: Final = {
    "detect": TaskLosses(terms=(BOX, CLASS, DFL)),
    "pose": TaskLosses(
        terms=(BOX, LOCATION, VISIBILITY, CLASS, DFL),
        terms_26=(FLOW,),
        overlap_26=_keypoint_overlap,
        candidates_26=inside_boxes_at_fitting_levels,
    ),
    "segment": TaskLosses(terms=(BOX, MASK, CLASS, DFL, SEMANTIC), overlap_26=_box_and_mask_overlap),
    "multitask": TaskLosses(
        terms=(BOX, MASK, CLASS, DFL, LOCATION, VISIBILITY),
        terms_26=(SEMANTIC,),
        overlap_26=_joint_overlap,
        always_skip_unlabelled=True,
    ),
}


HALF = (torch.float16, torch.bfloat16)


@dataclass(frozen=True, kw_only=True)
class BranchCriterion:
    """Scores one set of branches.

    Attributes:
        terms: the loss terms.
        gains: their factors.
        assigner: chooses the anchor points that learn an object.
        rules: what the terms need to know.
        strides: input pixels per cell of each level.
    """

    terms: tuple[LossTerm, ...]
    gains: LossGains
    assigner: Assigner
    rules: LossRules
    strides: tuple[float, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the items, in the order of result files."""
        return tuple(term.name for term in self.terms)

    def __call__(self, raw: BranchOutputs, targets: Targets) -> Losses:
        """Return the losses of raw outputs; in float32 under mixed precision, too.

        Raises:
            ShapeError: the targets lack what the head predicts, or have another number of keypoints.
        """
        # Sums over thousands of anchor points need float32.
        with torch.autocast(raw["scores"].device.type, enabled=False):
            matched = self.match(_promoted(raw), targets)
            values = torch.stack([term.value(matched) * getattr(self.gains, term.gain) for term in self.terms])
        items = dict(zip(self.names, values.detach(), strict=True))
        return Losses(total=values * len(raw["scores"]), items=items)

    def match(self, raw: BranchOutputs, targets: Targets) -> Matched:
        """Assign the objects of a batch to anchor points, given raw outputs in float32 or float64."""
        scores = raw["scores"]
        self._check_keypoints(targets)
        grid = Grid.of(raw["feats"], self.strides, scores.dtype)
        objects = pack_objects(targets, len(scores), grid.size, scores.dtype)
        positives = self.assigner(objects, Predictions.of(raw, grid, self.rules.decode), grid)
        return Matched(raw=raw, objects=objects, grid=grid, positives=positives, rules=self.rules)

    def _check_keypoints(self, targets: Targets) -> None:
        shape, keypoints = self.rules.decode.kpt_shape, targets.keypoints
        if shape is not None and keypoints is not None and keypoints.shape[1:] != (shape[0], 3):
            raise ShapeError(f"targets have keypoints {tuple(keypoints.shape)}, the head needs (n, {shape[0]}, 3)")


def _promoted(raw: BranchOutputs) -> BranchOutputs:
    """Return half-precision outputs as float32; feature maps, of which only the size counts, stay."""
    promoted = BranchOutputs(**raw)
    for key, value in raw.items():
        if isinstance(value, Tensor) and value.dtype in HALF:
            promoted[key] = value.float()  # type: ignore[literal-required]
    return promoted


FIRST_SHARE, LAST_SHARE = 0.8, 0.1  # of the one-to-many losses, in the first and in the last epoch


class DualCriterion:
    """Weighted sum of the losses of both sets; the weight moves from one-to-many to one-to-one over the epochs.

    Attributes:
        one2many: losses of the set that teaches the body of the network.
        one2one: losses of the set that predicts without NMS; its items are the ones reported.
        epoch: number of epochs done.
        share: weight of the one-to-many losses; the others have the rest.
    """

    def __init__(self, one2many: BranchCriterion, one2one: BranchCriterion) -> None:
        self.one2many = one2many
        self.one2one = one2one
        self.epoch = 0
        self.share = FIRST_SHARE

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the items, in the order of result files."""
        return self.one2one.names

    def __call__(self, outputs: Outputs, targets: Targets) -> Losses:
        """Return the losses of a batch; the items are those of the one-to-one set, without its weight."""
        many = self.one2many(outputs["one2many"], targets)
        one = self.one2one(outputs["one2one"], targets)
        return Losses(total=self.share * many.total + (1 - self.share) * one.total, items=one.items)

    def end_epoch(self, epochs: int) -> None:
        """Move the weights on by one epoch of a run of `epochs`."""
        self.advance_to(self.epoch + 1, epochs)

    def advance_to(self, epoch: int, epochs: int) -> None:
        """Set the weights for an epoch (from 0) of a run of `epochs`."""
        self.epoch = epoch
        left = max(1 - epoch / max(epochs - 1, 1), 0.0)
        self.share = left * (FIRST_SHARE - LAST_SHARE) + LAST_SHARE


@dataclass(frozen=True, kw_only=True)
class SingleCriterion:
    """Scores the only set of branches of a network; it has no schedule.

    Attributes:
        branch: name of the set in the outputs.
        criterion: its losses.
    """

    branch: Branch
    criterion: BranchCriterion

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the items, in the order of result files."""
        return self.criterion.names

    def __call__(self, outputs: Outputs, targets: Targets) -> Losses:
        """Return the losses of a batch."""
        return self.criterion(outputs[self.branch], targets)

    def end_epoch(self, epochs: int) -> None:
        """Do nothing: all epochs are alike."""

    def advance_to(self, epoch: int, epochs: int) -> None:
        """Do nothing: all epochs are alike."""


# Anchor points that an object selects, and how many it keeps.
SELECTION: dict[Branch, tuple[int, int]] = {"one2many": (10, 10), "one2one": (7, 1)}


@dataclass(frozen=True, kw_only=True)
class TrainedHead:
    """What a criterion has to know of a network.

    Attributes:
        task: detect, segment, pose or multitask.
        spec: what the head predicts.
        branches: its sets of branches.
        strides: input pixels per cell of each level.
        flow: density of keypoint errors; None without.
    """

    task: str
    spec: HeadSpec
    branches: tuple[Branch, ...]
    strides: tuple[float, ...]
    flow: RealNVP | None = None


def make_criterion(
    network: YoloNetwork,
    *,
    gains: LossGains,
    sigmas: Sequence[float] | None,
    class_weights: Tensor | None = None,
    skip_unlabelled: bool = False,
    class_points: Tensor | None = None,
) -> SingleCriterion | DualCriterion:
    """Return the criterion of a network.

    Args:
        network: the network to train; its flow model, if it has one, is trained through the criterion.
        gains: factors of the terms.
        sigmas: OKS sigma of each keypoint; None for heads without keypoints.
        class_weights: (nc,) factors of the class loss; None when all classes count the same.
        skip_unlabelled: leave objects without labelled keypoints out of the keypoint terms; multitask always does.
        class_points: (nc, K) bool, which keypoints objects of a class have; None when all have all.

    Raises:
        ShapeError: the sigmas are not as many as the keypoints, or the class weights as the classes.
    """
    head = TrainedHead(
        task=network.task,
        spec=network.head.spec,
        branches=network.head.branches,
        strides=tuple(float(stride) for stride in network.strides),
        flow=getattr(network.head, "flow_model", None),
    )
    skip = skip_unlabelled or TASK_LOSSES[head.task].always_skip_unlabelled
    return head_criterion(
        head,
        gains=gains,
        sigmas=sigmas,
        class_weights=class_weights,
        skip_unlabelled=skip,
        class_points=class_points,
    )


def head_criterion(
    head: TrainedHead,
    *,
    gains: LossGains,
    sigmas: Sequence[float] | None,
    class_weights: Tensor | None = None,
    skip_unlabelled: bool = False,
    class_points: Tensor | None = None,
) -> SingleCriterion | DualCriterion:
    """Return the criterion of a head; see `make_criterion`."""
    _check_lengths(head.spec, sigmas, class_weights)
    rules = LossRules(
        decode=DecodeRule.of(head.spec),
        sigmas=tuple(sigmas or ()),
        class_weights=class_weights,
        flow=head.flow,
        skip_unlabelled=skip_unlabelled,
        class_points=class_points,
    )
    criteria = {branch: _branch_criterion(head, branch, gains, rules) for branch in head.branches}
    if len(criteria) == 2:
        return DualCriterion(criteria["one2many"], criteria["one2one"])
    [(branch, criterion)] = criteria.items()
    return SingleCriterion(branch=branch, criterion=criterion)


def _branch_criterion(head: TrainedHead, branch: Branch, gains: LossGains, rules: LossRules) -> BranchCriterion:
    losses, is_26 = TASK_LOSSES[head.task], head.spec.end2end
    topk, kept = SELECTION[branch]
    assigner = Assigner(
        topk=topk,
        kept=kept,
        overlap=losses.overlap_26(rules.sigmas, topk) if is_26 else box_overlap,
        candidates=losses.candidates_26 if is_26 else inside_boxes,
    )
    return BranchCriterion(
        terms=losses.terms_of(head.spec.reg_max, end2end=is_26),
        gains=gains,
        assigner=assigner,
        rules=rules,
        strides=head.strides,
    )


def _check_lengths(spec: HeadSpec, sigmas: Sequence[float] | None, class_weights: Tensor | None) -> None:
    points = spec.kpt_shape[0] if spec.kpt_shape else 0
    found = 0 if sigmas is None else len(sigmas)
    if points and found != points:
        raise ShapeError(f"a head of {points} keypoints needs {points} OKS sigmas, found {found}")
    if class_weights is not None and tuple(class_weights.shape) != (spec.nc,):
        raise ShapeError(
            f"class weights must be ({spec.nc},) for {spec.nc} classes, found {tuple(class_weights.shape)}"
        )


def class_weights(counts: Tensor, power: float) -> Tensor:
    """Return factors (nc,) of the class loss, 1 on average, larger for rarer classes.

    Args:
        counts: (nc,) labelled objects of each class.
        power: 0 for equal weights, 1 for weights inverse to the counts; classes without objects get the mean.
    """
    seen = counts > 0
    weights = counts.clamp(min=1).double().pow(-power)
    mean = weights[seen].mean() if seen.any() else weights.mean()
    weights = weights.where(seen, mean)
    return (weights / weights.mean()).float()
