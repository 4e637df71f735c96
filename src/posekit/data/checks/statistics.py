"""Numbers that describe a data set."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posekit.data.checks.finding import Finding
from posekit.data.checks.object_table import Floats, Indices, ObjectTable
from posekit.data.split import Split

# Classes with fewer than this share of the objects of the largest class are told.
RARE_CLASS = 0.02


@dataclass(frozen=True, kw_only=True, eq=False)
class SplitNumbers:
    """Counts of one split.

    Attributes:
        name: "train", "val" or "test".
        pictures: those that can be used.
        background: those of them without objects.
        objects: all of them.
        with_keypoints: objects with at least one labelled keypoint.
        corrupt: pictures that are left out.
        dropped: objects that are left out.
    """

    name: str
    pictures: int
    background: int
    objects: int
    with_keypoints: int
    corrupt: int
    dropped: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Statistics:
    """Numbers of a whole data set.

    Attributes:
        splits: counts of each split.
        class_counts: (nc,) objects per class.
        box_sizes: (N, 2) width and height of boxes as fractions of their picture.
        visibility: (K, 3) how often each keypoint has visibility 0, 1, 2, over objects with any labelled point.
        mean_points: (K, 2) mean place of each keypoint within its box, 0 ... 1; NaN for points never labelled.
    """

    splits: tuple[SplitNumbers, ...]
    class_counts: Indices
    box_sizes: Floats
    visibility: Indices
    mean_points: Floats


def measure(splits: Mapping[str, Split], table: ObjectTable, nc: int) -> Statistics:
    """Return the numbers of a data set."""
    sides = table.boxes[:, 2:] - table.boxes[:, :2]
    labelled = table.labelled
    values = table.keypoints[labelled.any(1), :, 2]
    places = (table.keypoints[..., :2] - table.boxes[:, None, :2]) / np.maximum(sides, 1e-9)[:, None]
    counts = labelled.sum(0)
    total = np.where(labelled[..., None], places, 0.0).sum(0)
    means = np.where(counts[:, None] > 0, total / np.maximum(counts, 1)[:, None], np.nan)
    return Statistics(
        splits=tuple(
            _split_numbers(name, split, labelled[table.split == index])
            for index, (name, split) in enumerate(splits.items())
        ),
        class_counts=np.bincount(table.classes, minlength=nc).astype(np.int64),
        box_sizes=sides / table.sizes[:, ::-1] if len(table) else np.zeros((0, 2)),
        visibility=np.stack([(values == level).sum(0) for level in (0, 1, 2)], 1).astype(np.int64),
        mean_points=means,
    )


def find_class_imbalance(statistics: Statistics, names: Mapping[int, str]) -> list[Finding]:
    """Tell of classes without objects, and of classes with very few."""
    counts = statistics.class_counts
    findings = []
    absent = [name for number, name in names.items() if not counts[number]]
    if absent and counts.sum():
        findings.append(
            Finding(
                code="absent_classes",
                severity="warning",
                title=f"{len(absent)} of {len(names)} classes have no object: {', '.join(absent[:20])}",
                explanation="Counted over all splits.",
                advice="Leave them out of names, or check the class numbers of the labels.",
                count=len(absent),
            )
        )
    limit = RARE_CLASS * counts.max(initial=0)
    rare = [f"{name} ({counts[number]})" for number, name in names.items() if 0 < counts[number] < limit]
    if rare:
        findings.append(
            Finding(
                code="rare_classes",
                severity="note",
                title=f"{len(rare)} classes have very few objects: {', '.join(rare[:20])}",
                explanation="Less than 2 % of the largest class, over all splits.",
                advice="Expect poor accuracy for them, or label more.",
                count=len(rare),
            )
        )
    return findings


def _split_numbers(name: str, split: Split, labelled: NDArray[np.bool_]) -> SplitNumbers:
    return SplitNumbers(
        name=name,
        pictures=len(split.pictures),
        background=sum(not len(picture) for picture in split.pictures),
        objects=len(labelled),
        with_keypoints=int(labelled.any(1).sum()),
        corrupt=split.report.corrupt,
        dropped=split.report.dropped,
    )
