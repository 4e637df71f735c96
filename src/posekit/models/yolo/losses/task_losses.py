"""The table of tasks: which loss terms each has, and how it measures overlap when objects are assigned."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from torch import Tensor

from posekit.models.yolo.losses.candidates import inside_boxes, inside_boxes_at_fitting_levels
from posekit.models.yolo.losses.detection_terms import box_term, class_term, dfl_term, l1_term
from posekit.models.yolo.losses.flow_term import flow_term
from posekit.models.yolo.losses.grid import Grid
from posekit.models.yolo.losses.keypoint_terms import location_term, visibility_term
from posekit.models.yolo.losses.mask_terms import mask_term
from posekit.models.yolo.losses.matched import Matched
from posekit.models.yolo.losses.objects import Objects
from posekit.models.yolo.losses.overlaps import BoxAndMaskOverlap, JointOverlap, KeypointOverlap, Overlap, box_overlap
from posekit.models.yolo.losses.semantic_term import semantic_term

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
