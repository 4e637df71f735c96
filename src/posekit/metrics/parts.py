"""The truth and the predictions of one picture, as plain arrays in one common frame."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from posekit.errors import ShapeError, UnknownChoiceError
from posekit.metrics.similarity import mask_iou, oks
from posekit.ops.boxes import box_iou
from posekit.results.detected import Arrays

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """The M labelled objects of one picture, in pixels of the network input.

    Attributes:
        classes: (M,) int64.
        boxes: (M, 4) float32 corners x1 y1 x2 y2.
        keypoints: (M, K, 3) float32 x, y, visibility; None when keypoints are not scored.
        masks: (M, h, w) uint8 or bool, 1 inside; None when masks are not scored.
        outlined: (M,) bool, False for objects whose mask nobody knows, and which is empty; None when all are known.
    """

    classes: NDArray[np.int64]
    boxes: Floats
    keypoints: Floats | None = None
    masks: NDArray[np.uint8] | NDArray[np.bool_] | None = None
    outlined: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.classes)


Similarity = Callable[[Truth, Arrays, Floats], Floats]


@dataclass(frozen=True)
class PartKind:
    """One way to compare detections with labels.

    Attributes:
        name: attribute of the metrics that holds the part.
        letter: in brackets behind the part's keys.
        title: in tables.
        similarity: (M, N) float32 of a picture with M objects and N detections; the third argument is (K,) sigmas.
        known: (M,) bool, for which objects of a picture the labels say what is compared; None: for all.
    """

    name: str
    letter: str
    title: str
    similarity: Similarity
    known: Callable[[Truth], NDArray[np.bool_]] | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the part's mean results, in order."""
        return tuple(f"metrics/{value}({self.letter})" for value in ("precision", "recall", "mAP50", "mAP50-95"))

    @property
    def curve_names(self) -> tuple[str, ...]:
        """Names of the part's curves, in order."""
        names = ("Precision-Recall", "F1-Confidence", "Precision-Confidence", "Recall-Confidence")
        return tuple(f"{name}({self.letter})" for name in names)

    def compare(self, truth: Truth, found: Arrays, sigmas: Floats) -> Floats:
        """Return the (M, N) similarities of one picture, which may lack labels or detections."""
        if not len(truth) or not len(found):
            return np.zeros((len(truth), len(found)), np.float32)
        return self.similarity(truth, found, sigmas)


def kinds_of(task: str) -> tuple[PartKind, ...]:
    """Return the parts of a task, in the order of its keys.

    Raises:
        UnknownChoiceError: there is no such task.
    """
    if task not in TASK_PARTS:
        raise UnknownChoiceError(f"task {task!r} is none of {', '.join(TASK_PARTS)}")
    return TASK_PARTS[task]


def _boxes(truth: Truth, found: Arrays, sigmas: Floats) -> Floats:
    return box_iou(truth.boxes, found.boxes)


def _masks(truth: Truth, found: Arrays, sigmas: Floats) -> Floats:
    if truth.masks is None or found.masks is None:
        raise ShapeError("masks are scored, but labels or detections hold none")
    return mask_iou(truth.masks, found.masks)


def _keypoints(truth: Truth, found: Arrays, sigmas: Floats) -> Floats:
    if truth.keypoints is None or found.keypoints is None:
        raise ShapeError("keypoints are scored, but labels or detections hold none")
    return oks(truth.keypoints, truth.boxes, found.keypoints, sigmas)


def _outlined(truth: Truth) -> NDArray[np.bool_]:
    return np.ones(len(truth), np.bool_) if truth.outlined is None else truth.outlined


def _labelled(truth: Truth) -> NDArray[np.bool_]:
    if truth.keypoints is None:
        raise ShapeError("keypoints are scored, but labels hold none")
    return np.asarray((truth.keypoints[..., 2] != 0).any(1))


BOX = PartKind("box", "B", "Box", _boxes)
MASK = PartKind("seg", "M", "Mask", _masks)
POSE = PartKind("pose", "P", "Pose", _keypoints)

TASK_PARTS = {
    "detect": (BOX,),
    "segment": (BOX, MASK),
    "pose": (BOX, POSE),
    # An object may lack its outline or its keypoints; nobody can say then whether a prediction of them is right.
    "multitask": (BOX, replace(MASK, known=_outlined), replace(POSE, known=_labelled)),
}
