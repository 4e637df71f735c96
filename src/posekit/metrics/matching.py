"""Which detections are right: greedy one-to-one matching with labelled objects, at ten thresholds at once.

In every picture detections are walked in falling score. At each threshold, each takes the most similar object that is
still free (the first one on ties) if the similarity reaches the threshold. So only pairs that reach the lowest
threshold matter, and what is free at the ten thresholds fits into ten bits of one integer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from posekit.metrics.parts import Floats, Truth
from posekit.ops.boxes import box_iou
from posekit.results.detected import Arrays

Scalar = TypeVar("Scalar", bound=np.generic)
Bools = NDArray[np.bool_]
Integers = NDArray[np.int64]
# One integer per detection; bit t is set where it is right at threshold t.
Hits = NDArray[np.uint16]

THRESHOLDS = np.linspace(0.5, 0.95, 10).astype(np.float32)
THRESHOLDS.setflags(write=False)


def joined(arrays: Iterable[NDArray[np.generic]], dtype: type[Scalar]) -> NDArray[Scalar]:
    """Return one-dimensional arrays, perhaps none, as one array of `dtype`."""
    return np.concatenate([np.empty(0, dtype), *arrays], dtype=dtype, casting="same_kind")


@dataclass(frozen=True, eq=False)
class PossiblePairs:
    """S pairs of a detection and an object that may be matched, in the order in which the greedy rule tries them.

    Detections and objects are numbered through all pictures, picture by picture.

    Attributes:
        pictures, detections, objects: (S,) numbers.
        similarities: (S,) float32.
        detection_count: of all pictures together.
        object_count: of all pictures together.
    """

    pictures: Integers
    detections: Integers
    objects: Integers
    similarities: Floats
    detection_count: int
    object_count: int


def find_hits(similarities: Sequence[Floats], truths: Sequence[Truth], founds: Sequence[Arrays]) -> Hits:
    """Return the (N,) hits of all detections of some pictures, one picture after the other.

    Only objects and detections of one class are matched, by the similarities (M, N) of each picture: rows objects,
    columns detections in falling score.
    """
    possible = [
        (similarity >= THRESHOLDS[0]) & (truth.classes[:, None] == found.classes)
        for similarity, truth, found in zip(similarities, truths, founds, strict=True)
    ]
    pairs = ordered_pairs(similarities, possible)
    reached = np.searchsorted(THRESHOLDS, pairs.similarities, side="right")
    hits = np.zeros(pairs.detection_count, np.uint16)
    np.bitwise_or.at(hits, pairs.detections, assign(pairs, ((1 << reached) - 1).astype(np.uint16)))
    return hits


def unpack(hits: Hits) -> Bools:
    """Return (N, 10): whether each detection is right at each of `THRESHOLDS`."""
    return (hits[:, None] >> np.arange(len(THRESHOLDS), dtype=np.uint16) & 1).astype(bool)


def ordered_pairs(similarities: Sequence[Floats], possible: Sequence[Bools]) -> PossiblePairs:
    """Return the pairs marked in `possible`, (M, N) per picture: by picture, detection, and falling similarity."""
    places = [np.nonzero(marks.T) for marks in possible]
    values = [similarity[m, n] for similarity, (n, m) in zip(similarities, places, strict=True)]
    counts = [len(value) for value in values]
    sizes = np.array([marks.shape for marks in possible], np.int64).reshape(-1, 2)
    first_object, first_detection = (np.cumsum(sizes, 0) - sizes).T
    detections = joined([n for n, _ in places], np.int64) + np.repeat(first_detection, counts)
    objects = joined([m for _, m in places], np.int64) + np.repeat(first_object, counts)
    likeness = joined(values, np.float32)
    # Exact in float64, and nearly sorted, which a stable sort is quick with; equal similarities keep the object order.
    order = np.argsort(4.0 * detections - likeness, kind="stable")
    return PossiblePairs(
        pictures=np.repeat(np.arange(len(counts)), counts),
        detections=detections[order],
        objects=objects[order],
        similarities=likeness[order],
        detection_count=int(sizes[:, 1].sum()),
        object_count=int(sizes[:, 0].sum()),
    )


def assign(pairs: PossiblePairs, reached: Hits) -> Hits:
    """Return (S,): the bits at which each pair is matched, of those bits that it reached.

    Pictures do not touch each other, so the first pairs of all pictures are decided together, then all second ones,
    and so on.
    """
    if not len(reached):
        return reached
    counts = np.bincount(pairs.pictures)
    turns = np.arange(len(reached)) - np.repeat(np.cumsum(counts) - counts, counts)
    order = np.argsort(turns, kind="stable")
    ends = np.cumsum(np.bincount(turns)).tolist()
    detections, objects, left = pairs.detections[order], pairs.objects[order], reached[order]
    matched = np.zeros(pairs.detection_count, np.uint16)
    taken = np.zeros(pairs.object_count, np.uint16)
    for begin, end in zip([0, *ends], ends, strict=False):
        detection, item = detections[begin:end], objects[begin:end]
        was_matched, was_taken = matched[detection], taken[item]
        hits = left[begin:end] & ~(was_matched | was_taken)
        matched[detection] = was_matched | hits
        taken[item] = was_taken | hits
        left[begin:end] = hits
    hits = np.empty_like(left)
    hits[order] = left
    return hits


def matched_pairs(truth: Truth, found: Arrays, threshold: float = 0.5) -> NDArray[np.int64]:
    """Return (P, 2) rows of the truth and of the detections of one picture that belong together, in falling score.

    Detections choose in falling score: each takes the free object of its own class with the highest IoU, if that
    reaches the threshold. No object and no detection is in two pairs. This is the validator's matching at one
    threshold.
    """
    likeness = box_iou(truth.boxes, found.boxes)
    likeness[(likeness < np.float32(threshold)) | (truth.classes[:, None] != found.classes)] = 0
    pairs: list[tuple[int, int]] = []
    for detection in np.flatnonzero(likeness.any(0)):
        best = int(likeness[:, detection].argmax())
        if likeness[best, detection] > 0:
            pairs.append((best, int(detection)))
            likeness[best] = 0
        if len(pairs) == len(truth):
            break
    return np.array(pairs, np.int64).reshape(-1, 2)
