"""Builds the criterion that a network trains with."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from posekit.errors import ShapeError
from posekit.models.yolo.decode import DecodeRule
from posekit.models.yolo.flow import RealNVP
from posekit.models.yolo.heads import Branch, HeadSpec
from posekit.models.yolo.losses.assigner import Assigner
from posekit.models.yolo.losses.branch_criterion import BranchCriterion
from posekit.models.yolo.losses.candidates import inside_boxes
from posekit.models.yolo.losses.dual import DualCriterion
from posekit.models.yolo.losses.gains import LossGains
from posekit.models.yolo.losses.matched import LossRules
from posekit.models.yolo.losses.overlaps import box_overlap
from posekit.models.yolo.losses.single import SingleCriterion
from posekit.models.yolo.losses.task_losses import TASK_LOSSES
from posekit.models.yolo.network import YoloNetwork

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
