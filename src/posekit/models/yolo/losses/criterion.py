"""The criterion that a network trains with: a table of tasks, and the losses of one or two sets of branches."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

import torch
from torch import Tensor

from posekit.config.settings import TrainSettings
from posekit.errors import ShapeError
from posekit.models.contract import Losses
from posekit.models.yolo.decode import DecodeRule
from posekit.models.yolo.heads import Branch, BranchOutputs, Outputs
from posekit.models.yolo.losses.assign import (
    Assigner,
    Overlap,
    box_and_mask_overlap,
    box_overlap,
    inside_boxes,
    inside_boxes_at_fitting_levels,
    joint_overlap,
    keypoint_overlap,
)
from posekit.models.yolo.losses.objects import Decoded, Grid, Objects, pack_objects
from posekit.models.yolo.losses.terms import (
    Assigned,
    LossRules,
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

SHORTLIST_PER_ANCHOR: Final = 3  # pairs whose masks are compared, per anchor point that an object selects

FIRST_SHARE, LAST_SHARE = 0.8, 0.1  # of the one-to-many losses, in the first and in the last epoch
# Anchor points that an object selects, and how many it keeps.
SELECTION: Final[dict[Branch, tuple[int, int]]] = {"one2many": (10, 10), "one2one": (7, 1)}


@dataclass(frozen=True, kw_only=True)
class LossTerm:
    """One term of a loss.

    Attributes:
        name: name of the item in result files.
        value: computes it, before its gain.
        gain: the setting that multiplies it.
    """

    name: str
    value: Callable[[Assigned], Tensor]
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
        overlap_26: gives YOLO26's measure of overlap for sigmas and a shortlist; others compare boxes.
        candidates_26: YOLO26's test of candidates.
        always_skip_unlabelled: whether objects without labelled keypoints never enter the keypoint terms.
    """

    terms: tuple[LossTerm, ...]
    terms_26: tuple[LossTerm, ...] = ()
    overlap_26: Callable[[tuple[float, ...], int], Overlap] = lambda sigmas, shortlist: box_overlap
    candidates_26: Callable[[Objects, Grid], Tensor] = inside_boxes
    always_skip_unlabelled: bool = False


TASK_LOSSES: Final = {
    "detect": TaskLosses(terms=(BOX, CLASS, DFL)),
    "pose": TaskLosses(
        terms=(BOX, LOCATION, VISIBILITY, CLASS, DFL),
        terms_26=(FLOW,),
        overlap_26=lambda sigmas, shortlist: partial(keypoint_overlap, sigmas=sigmas),
        candidates_26=inside_boxes_at_fitting_levels,
    ),
    "segment": TaskLosses(
        terms=(BOX, MASK, CLASS, DFL, SEMANTIC),
        overlap_26=lambda sigmas, shortlist: partial(box_and_mask_overlap, shortlist=shortlist),
    ),
    "multitask": TaskLosses(
        terms=(BOX, MASK, CLASS, DFL, LOCATION, VISIBILITY),
        terms_26=(SEMANTIC,),
        overlap_26=lambda sigmas, shortlist: partial(joint_overlap, sigmas=sigmas, shortlist=shortlist),
        always_skip_unlabelled=True,
    ),
}


@dataclass(frozen=True, kw_only=True)
class BranchCriterion:
    """Scores one set of branches.

    Attributes:
        terms: the loss terms.
        settings: their gains.
        assigner: chooses the anchor points that learn an object.
        rules: what the terms need to know.
        strides: input pixels per cell of each level.
    """

    terms: tuple[LossTerm, ...]
    settings: TrainSettings
    assigner: Assigner
    rules: LossRules
    strides: tuple[float, ...]

    def __call__(self, raw: BranchOutputs, targets: Targets) -> Losses:
        """Return the losses of raw outputs; in float32 under mixed precision, too.

        Raises:
            ShapeError: the targets lack what the head predicts, or have another number of keypoints.
        """
        # Sums over thousands of anchor points need float32.
        with torch.autocast(raw["scores"].device.type, enabled=False):
            assigned = self.assign(_promoted(raw), targets)
            values = torch.stack([term.value(assigned) * getattr(self.settings, term.gain) for term in self.terms])
        items = {term.name: value for term, value in zip(self.terms, values.detach(), strict=True)}
        return Losses(total=values * len(raw["scores"]), items=items)

    def assign(self, raw: BranchOutputs, targets: Targets) -> Assigned:
        """Assign the objects of a batch to anchor points, given raw outputs in float32 or float64."""
        scores, shape = raw["scores"], self.rules.decode.kpt_shape
        found = None if targets.keypoints is None else tuple(targets.keypoints.shape)
        if shape is not None and found is not None and found[1:] != (shape[0], 3):
            raise ShapeError(f"targets have keypoints {found}, the head needs (n, {shape[0]}, 3)")
        grid = Grid.of(raw["feats"], self.strides, scores.dtype)
        objects = pack_objects(targets, len(scores), grid.size, scores.dtype)
        positives = self.assigner(objects, Decoded.of(raw, grid, self.rules.decode), grid)
        return Assigned(raw=raw, objects=objects, grid=grid, positives=positives, rules=self.rules)


def _promoted(raw: BranchOutputs) -> BranchOutputs:
    """Return half-precision outputs as float32; feature maps, of which only the size counts, stay."""
    promoted = BranchOutputs(**raw)
    for key, value in raw.items():
        if isinstance(value, Tensor) and value.dtype in (torch.float16, torch.bfloat16):
            promoted[key] = value.float()  # type: ignore[literal-required]
    return promoted


class YoloCriterion:
    """Losses of one set of branches, or a weighted sum of those of both sets.

    The weight moves over the epochs from one-to-many, the set that teaches the body of the network, to one-to-one, the
    set that predicts without NMS.

    Attributes:
        branches: criterion of each set.
        epoch: number of epochs done.
        share: weight of the one-to-many losses beside others; these have the rest.
    """

    def __init__(self, branches: Mapping[Branch, BranchCriterion]) -> None:
        self.branches = dict(branches)
        self.epoch = 0
        self.share = FIRST_SHARE

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the items, in the order of result files."""
        return tuple(term.name for term in next(iter(self.branches.values())).terms)

    def __call__(self, outputs: Outputs, targets: Targets) -> Losses:
        """Return the losses of a batch; of two sets, the items are those of one-to-one, without its weight."""
        scored = [criterion(outputs[branch], targets) for branch, criterion in self.branches.items()]
        if len(scored) == 1:
            return scored[0]
        many, one = scored
        return Losses(total=self.share * many.total + (1 - self.share) * one.total, items=one.items)

    def end_epoch(self, epochs: int) -> None:
        """Move the weights on by one epoch of a run of `epochs`."""
        self.advance_to(self.epoch + 1, epochs)

    def advance_to(self, epoch: int, epochs: int) -> None:
        """Set the weights for an epoch (from 0) of a run of `epochs`."""
        self.epoch = epoch
        left = max(1 - epoch / max(epochs - 1, 1), 0.0)
        self.share = left * (FIRST_SHARE - LAST_SHARE) + LAST_SHARE


def make_criterion(
    network: YoloNetwork,
    settings: TrainSettings,
    sigmas: Sequence[float] | None,
    *,
    class_weights: Tensor | None = None,
    class_points: Tensor | None = None,
) -> YoloCriterion:
    """Return the criterion of a network.

    Args:
        network: the network to train; its flow model, if it has one, is trained through the criterion.
        settings: gains of the terms, and ``skip_unlabelled``.
        sigmas: OKS sigma of each keypoint; None for heads without keypoints.
        class_weights: (nc,) factors of the class loss; None when all classes count the same.
        class_points: (nc, K) bool, which keypoints objects of a class have; None when all have all.

    Raises:
        ShapeError: the sigmas are not as many as the keypoints, or the class weights as the classes.
    """
    spec, losses = network.head.spec, TASK_LOSSES[network.task]
    points, found = spec.kpt_shape[0] if spec.kpt_shape else 0, len(sigmas or ())
    if points and found != points:
        raise ShapeError(f"a head of {points} keypoints needs {points} OKS sigmas, found {found}")
    if class_weights is not None and tuple(class_weights.shape) != (spec.nc,):
        raise ShapeError(
            f"class weights must be ({spec.nc},) for {spec.nc} classes, found {tuple(class_weights.shape)}"
        )
    rules = LossRules(
        decode=DecodeRule.of(spec),
        sigmas=tuple(sigmas or ()),
        class_weights=class_weights,
        flow=getattr(network.head, "flow_model", None),
        skip_unlabelled=settings.skip_unlabelled or losses.always_skip_unlabelled,
        class_points=class_points,
    )
    terms = losses.terms + (losses.terms_26 if spec.end2end else ())
    terms = tuple(L1 if term is DFL and spec.reg_max == 1 else term for term in terms)
    branches = {}
    for branch in network.head.branches:
        topk, kept = SELECTION[branch]
        overlap = losses.overlap_26(rules.sigmas, SHORTLIST_PER_ANCHOR * topk) if spec.end2end else box_overlap
        candidates = losses.candidates_26 if spec.end2end else inside_boxes
        branches[branch] = BranchCriterion(
            terms=terms,
            settings=settings,
            assigner=Assigner(topk=topk, kept=kept, overlap=overlap, candidates=candidates),
            rules=rules,
            strides=tuple(float(stride) for stride in network.strides),
        )
    return YoloCriterion(branches)


def class_weights(counts: Tensor, power: float) -> Tensor:
    """Return factors (nc,) of the class loss, 1 on average, larger for rarer classes.

    `counts` (nc,) are labelled objects. A power of 0 gives equal weights, of 1 weights inverse to the counts; classes
    without objects get the mean.
    """
    seen = counts > 0
    weights = counts.clamp(min=1).double().pow(-power)
    mean = weights[seen].mean() if seen.any() else weights.mean()
    weights = weights.where(seen, mean)
    return (weights / weights.mean()).float()
