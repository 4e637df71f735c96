"""What is kept of every picture until the scores are computed: little, and nothing that grows with its size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from posekit.metrics.joined import joined
from posekit.metrics.matching import Hits
from posekit.metrics.picture import Floats, Found, Truth
from posekit.metrics.unscored import Unscored, joined_unscored

Integers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Tally:
    """P pictures with M objects and N detections, picture by picture; plain arrays, to be sent between processes.

    Attributes:
        positions: (P,) int64 places of the pictures in the data set.
        file_names: of the P pictures.
        object_counts: (P,) int64.
        detection_counts: (P,) int64.
        labelled: (M,) int64 classes of the objects.
        classes: (N,) int32 of the detections.
        scores: (N,) float32.
        hits: per part (N,) uint16: at which thresholds a detection is right.
        unscored: what parts leave out; parts that score everything are not named.
    """

    positions: Integers
    file_names: tuple[str, ...]
    object_counts: Integers
    detection_counts: Integers
    labelled: Integers
    classes: NDArray[np.int32]
    scores: Floats
    hits: Mapping[str, Hits]
    unscored: Mapping[str, Unscored] = field(default_factory=dict)

    def scored_by(self, part: str) -> "Tally":
        """Return the tally without what one of the parts named in `unscored` leaves out, with its hits alone."""
        objects, detections = ~self.unscored[part].objects, ~self.unscored[part].detections
        return replace(
            self,
            object_counts=_counts_of(objects, self.object_counts),
            detection_counts=_counts_of(detections, self.detection_counts),
            labelled=self.labelled[objects],
            classes=self.classes[detections],
            scores=self.scores[detections],
            hits={part: self.hits[part][detections]},
            unscored={},
        )

    def right_per_picture(self, part: str) -> Integers:
        """Return (P,) the number of detections that are right at the lowest threshold."""
        return _counts_of((self.hits[part] & 1).astype(np.bool_), self.detection_counts)

    def pictures_per_class(self, class_count: int) -> Integers:
        """Return (class_count,) the number of pictures that have an object of the class."""
        pictures = np.repeat(np.arange(len(self.positions)), self.object_counts)
        pairs = np.unique(pictures * class_count + self.labelled)
        return np.bincount(pairs % class_count, minlength=class_count)


def tally_pictures(
    truths: Sequence[Truth], founds: Sequence[Found], file_names: Sequence[str], positions: Sequence[int]
) -> Tally:
    """Return the tally of some pictures, without hits.

    Raises:
        ValueError: the four do not have the same length.
    """
    if not len(truths) == len(founds) == len(file_names) == len(positions):
        lengths = f"{len(truths)} truths, {len(founds)} founds, {len(file_names)} file names"
        raise ValueError(f"one of each is needed per picture: {lengths}, {len(positions)} positions")
    return Tally(
        positions=np.array(positions, np.int64),
        file_names=tuple(file_names),
        object_counts=np.array([len(truth) for truth in truths], np.int64),
        detection_counts=np.array([len(found) for found in founds], np.int64),
        labelled=joined((truth.classes for truth in truths), np.int64),
        classes=joined((found.classes for found in founds), np.int64).astype(np.int32),
        scores=joined((found.scores for found in founds), np.float32),
        hits={},
    )


def gather(tallies: Sequence[Tally], parts: Sequence[str]) -> Tally:
    """Return all pictures as one tally, in the order of the data set, whatever process and batch they were in."""
    positions = joined((tally.positions for tally in tallies), np.int64)
    names = [name for tally in tallies for name in tally.file_names]
    object_counts = joined((tally.object_counts for tally in tallies), np.int64)
    detection_counts = joined((tally.detection_counts for tally in tallies), np.int64)
    order = np.argsort(positions, kind="stable")
    objects = _moved(order, object_counts)
    detections = _moved(order, detection_counts)
    return Tally(
        positions=positions[order],
        file_names=tuple(names[place] for place in order.tolist()),
        object_counts=object_counts[order],
        detection_counts=detection_counts[order],
        labelled=joined((tally.labelled for tally in tallies), np.int64)[objects],
        classes=joined((tally.classes for tally in tallies), np.int32)[detections],
        scores=joined((tally.scores for tally in tallies), np.float32)[detections],
        hits={part: joined((tally.hits[part] for tally in tallies), np.uint16)[detections] for part in parts},
        unscored={
            part: unscored.moved(objects, detections)
            for part, unscored in joined_unscored([tally.unscored for tally in tallies]).items()
        },
    )


def _counts_of(chosen: NDArray[np.bool_], counts: Integers) -> Integers:
    """Return (P,) how many of the rows of each picture, `counts` of them, are chosen."""
    before = np.concatenate(([0], np.cumsum(chosen, dtype=np.int64)))
    ends = np.cumsum(counts)
    return np.asarray(before[ends] - before[ends - counts])


def _moved(order: Integers, counts: Integers) -> Integers:
    """Return the places of all rows when pictures with `counts` rows each come in `order`."""
    before = np.cumsum(counts) - counts
    counts, before = counts[order], before[order]
    shifts: Integers = np.repeat(before - (np.cumsum(counts) - counts), counts)
    return np.arange(len(shifts)) + shifts
