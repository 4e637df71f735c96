"""`Evaluator`: takes pictures batch by batch and gives their `Metrics` at the end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posekit.errors import DatasetError, SettingError
from posekit.log import LOGGER
from posekit.metrics.average_precision import Ranking, class_scores
from posekit.metrics.confusion import ConfusionMatrix
from posekit.metrics.matching import Bools, Hits, Integers, find_hits, joined, matched_pairs, unpack
from posekit.metrics.parts import BOX, POSE, Floats, Truth, kinds_of
from posekit.metrics.report import Metrics, PartMetrics
from posekit.results.detected import Arrays
from posekit.schema.schema import SigmaChoice


def picture_scores(
    names: Sequence[str], right: NDArray[np.integer], found: NDArray[np.integer], labels: NDArray[np.integer]
) -> dict[str, dict[str, Any]]:
    """Return for each picture ``precision recall f1 tp fp fn`` from (P,) counts of right, of all and of labels.

    A picture without labels and without detections scores 1.0; what divides by zero otherwise is 0.0. Of equal names
    the last counts.
    """
    rows = zip(names, right.tolist(), found.tolist(), labels.tolist(), strict=True)
    return {name: _scores(tp, detections - tp, objects - tp) for name, tp, detections, objects in rows}


def _scores(tp: int, fp: int, fn: int) -> dict[str, Any]:
    if not tp + fp + fn:
        return {"precision": 1.0, "recall": 1.0, "f1": 1.0, "tp": 0, "fp": 0, "fn": 0}
    precision = tp / (tp + fp) if tp else 0.0
    recall = tp / (tp + fn) if tp else 0.0
    f1 = 2 * precision * recall / (precision + recall) if tp else 0.0
    return {"precision": precision, "recall": recall, "f1": f1, "tp": tp, "fp": fp, "fn": fn}


def _detections_of(objects: Bools, truth: Truth, found: Arrays) -> Bools:
    """Return (N,) which detections belong to the given objects (M,) by their boxes."""
    chosen = np.zeros(len(found), np.bool_)
    if objects.any():
        pairs = matched_pairs(truth, found)
        chosen[pairs[objects[pairs[:, 0]], 1]] = True
    return chosen


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
        scored_objects: (M,) per part that leaves objects out: which ones it scores.
        scored_detections: (N,) the same of the detections.
    """

    positions: Integers
    file_names: tuple[str, ...]
    object_counts: Integers
    detection_counts: Integers
    labelled: Integers
    classes: NDArray[np.int32]
    scores: Floats
    hits: Mapping[str, Hits] = field(default_factory=dict)
    scored_objects: Mapping[str, Bools] = field(default_factory=dict)
    scored_detections: Mapping[str, Bools] = field(default_factory=dict)

    @classmethod
    def of(
        cls, truths: Sequence[Truth], founds: Sequence[Arrays], file_names: Sequence[str], positions: Sequence[int]
    ) -> "Tally":
        """Count some pictures, without hits.

        Raises:
            ValueError: the four do not have the same length.
        """
        if not len(truths) == len(founds) == len(file_names) == len(positions):
            lengths = f"{len(truths)} truths, {len(founds)} founds, {len(file_names)} file names"
            raise ValueError(f"one of each is needed per picture: {lengths}, {len(positions)} positions")
        return cls(
            positions=np.array(positions, np.int64),
            file_names=tuple(file_names),
            object_counts=np.array([len(truth) for truth in truths], np.int64),
            detection_counts=np.array([len(found) for found in founds], np.int64),
            labelled=joined((truth.classes for truth in truths), np.int64),
            classes=joined((found.classes for found in founds), np.int64).astype(np.int32),
            scores=joined((found.scores for found in founds), np.float32),
        )

    @classmethod
    def joined(cls, tallies: Sequence["Tally"], parts: Sequence[str]) -> "Tally":
        """Join tallies, in the order of the data set, whatever process and batch the pictures were in."""
        positions = joined((tally.positions for tally in tallies), np.int64)
        names = [name for tally in tallies for name in tally.file_names]
        object_counts = joined((tally.object_counts for tally in tallies), np.int64)
        detection_counts = joined((tally.detection_counts for tally in tallies), np.int64)
        order = np.argsort(positions, kind="stable")
        objects, detections = _moved(order, object_counts), _moved(order, detection_counts)
        choosy = dict.fromkeys(part for tally in tallies for part in tally.scored_objects)
        return cls(
            positions=positions[order],
            file_names=tuple(names[place] for place in order.tolist()),
            object_counts=object_counts[order],
            detection_counts=detection_counts[order],
            labelled=joined((tally.labelled for tally in tallies), np.int64)[objects],
            classes=joined((tally.classes for tally in tallies), np.int32)[detections],
            scores=joined((tally.scores for tally in tallies), np.float32)[detections],
            hits={part: joined((tally.hits[part] for tally in tallies), np.uint16)[detections] for part in parts},
            scored_objects={
                part: joined((tally.scored_objects[part] for tally in tallies), np.bool_)[objects] for part in choosy
            },
            scored_detections={
                part: joined((tally.scored_detections[part] for tally in tallies), np.bool_)[detections]
                for part in choosy
            },
        )

    def scored_by(self, part: str) -> "Tally":
        """Return the tally without what a part leaves out, with its hits alone."""
        if part not in self.scored_objects:
            return self
        objects, detections = self.scored_objects[part], self.scored_detections[part]
        return replace(
            self,
            object_counts=_counts_of(objects, self.object_counts),
            detection_counts=_counts_of(detections, self.detection_counts),
            labelled=self.labelled[objects],
            classes=self.classes[detections],
            scores=self.scores[detections],
            hits={part: self.hits[part][detections]},
            scored_objects={},
            scored_detections={},
        )

    def right_per_picture(self, part: str) -> Integers:
        """Return (P,) the number of detections that are right at the lowest threshold."""
        return _counts_of((self.hits[part] & 1).astype(np.bool_), self.detection_counts)

    def pictures_per_class(self, class_count: int) -> Integers:
        """Return (class_count,) the number of pictures that have an object of the class."""
        pictures = np.repeat(np.arange(len(self.positions)), self.object_counts)
        pairs = np.unique(pictures * class_count + self.labelled)
        return np.bincount(pairs % class_count, minlength=class_count)


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


class Evaluator:
    """Scores detections against labels, in a memory of a few bytes per detection.

    Evaluators are plain data: one per process can be pickled, sent and merged.

    Attributes:
        task: what is scored: detect, segment, pose or multitask.
        names: class name by number.
        sigmas: K OKS sigmas, and where they come from if that was given; None without keypoints.
        conf: detections up to this score are left out of the confusion matrix.
        seen: number of pictures so far.
    """

    def __init__(
        self,
        task: str,
        names: Mapping[int, str],
        sigmas: SigmaChoice | Sequence[float] | None = None,
        conf: float = 0.001,
        confusion: bool = True,
    ) -> None:
        """Start without pictures; `confusion` says whether the confusion matrix is filled.

        Raises:
            UnknownChoiceError: there is no such task.
            SettingError: the task has keypoints, but `sigmas` is missing.
        """
        self.task = task
        self.names = dict(names)
        self.sigmas = sigmas if sigmas is None or isinstance(sigmas, SigmaChoice) else tuple(map(float, sigmas))
        self.conf = conf
        self.seen = 0
        self._confusion = confusion
        self._confusion_matrix = ConfusionMatrix(names)
        self._tallies: list[Tally] = []
        if sigmas is None and any(kind.name == POSE.name for kind in kinds_of(task)):
            raise SettingError(f"task {task!r} scores keypoints, which needs sigmas: one number per keypoint")

    def add(
        self,
        truths: Sequence[Truth],
        founds: Sequence[Arrays],
        file_names: Sequence[str],
        positions: Sequence[int] | None = None,
    ) -> list[dict[str, Bools]]:
        """Take some pictures and return, for each, which detections are right: per part (N, 10) bool.

        Args:
            truths: labels of the pictures.
            founds: detections on the same pictures, in falling score.
            file_names: of the pictures, for the scores of single pictures.
            positions: places of the pictures in the data set, when they do not come in its order.

        Raises:
            DatasetError: a label has a class that the model does not know.
            ValueError: detections are not in falling score.
        """
        places = range(self.seen, self.seen + len(truths)) if positions is None else positions
        tally = Tally.of(truths, founds, file_names, places)
        self._check_classes(tally)
        _check_order(tally)
        hits: dict[str, Hits] = {}
        scored_objects: dict[str, Bools] = {}
        scored_detections: dict[str, Bools] = {}
        sigmas = self._sigma_values()
        for kind in kinds_of(self.task):
            similarities = [kind.compare(truth, found, sigmas) for truth, found in zip(truths, founds, strict=True)]
            if kind.known is None:
                hits[kind.name] = find_hits(similarities, truths, founds)
            else:
                known = [kind.known(truth) for truth in truths]
                similarities = [values * those[:, None] for values, those in zip(similarities, known, strict=True)]
                hits[kind.name] = find_hits(similarities, truths, founds)
                scored_objects[kind.name] = joined(known, np.bool_)
                # Detections of unknown objects, too, are left out, unless the part takes them for another object.
                trios = zip(known, truths, founds, strict=True)
                lost = [_detections_of(~those, truth, found) for those, truth, found in trios]
                scored_detections[kind.name] = ~joined(lost, np.bool_) | (hits[kind.name] & 1 == 1)
            if kind is BOX and self._confusion:
                self._confusion_matrix.process(truths, founds, self.conf, similarities)
        scored = replace(tally, hits=hits, scored_objects=scored_objects, scored_detections=scored_detections)
        self._tallies.append(scored)
        self.seen += len(truths)
        return _per_picture(hits, tally)

    def merge(self, other: "Evaluator") -> None:
        """Take all pictures of an evaluator of the same task and classes, perhaps from another process.

        Raises:
            SettingError: the two score different things.
        """
        mine, theirs = ((one.task, one.names, one.sigmas, one.conf) for one in (self, other))
        if mine != theirs:
            raise SettingError(f"evaluators of different settings cannot be merged: {mine} and {theirs}")
        self._tallies += other._tallies
        self._confusion_matrix.matrix += other._confusion_matrix.matrix
        self.seen += other.seen

    def metrics(self) -> Metrics:
        """Compute the scores of all pictures so far; without any label they are 0, which is warned about."""
        kinds = kinds_of(self.task)
        tally = Tally.joined(self._tallies, [kind.name for kind in kinds])
        if not len(tally.labelled):
            LOGGER.warning(f"no labels in {self.seen} pictures: every score is 0")
        ranking = Ranking.of(tally.scores, tally.classes)
        confusion = ConfusionMatrix(self.names)
        confusion.matrix += self._confusion_matrix.matrix
        return Metrics(
            task=self.task,
            names=self.names,
            parts={kind.name: self._part(kind.name, tally, ranking) for kind in kinds},
            nt_per_class=np.bincount(tally.labelled, minlength=self._class_count),
            nt_per_image=tally.pictures_per_class(self._class_count),
            seen=self.seen,
            confusion_matrix=confusion,
            sigmas=self.sigmas,
        )

    def _sigma_values(self) -> Floats:
        values = self.sigmas.values if isinstance(self.sigmas, SigmaChoice) else self.sigmas
        return np.array(values or (), np.float32)

    @property
    def _class_count(self) -> int:
        return max(self.names, default=-1) + 1

    def _part(self, name: str, tally: Tally, ranking: Ranking) -> PartMetrics:
        scored = tally.scored_by(name)
        if scored is not tally:
            tally, ranking = scored, Ranking.of(scored.scores, scored.classes)
        scores = class_scores(tally.hits[name], ranking, tally.labelled)
        right = tally.right_per_picture(name)
        pictures = partial(picture_scores, tally.file_names, right, tally.detection_counts, tally.object_counts)
        return PartMetrics(self._class_count, scores, pictures)

    def _check_classes(self, tally: Tally) -> None:
        """Refuse labels of classes that the model does not have; they could never be found."""
        wrong = np.flatnonzero((tally.labelled < 0) | (tally.labelled >= self._class_count))
        if len(wrong):
            picture = np.repeat(np.arange(len(tally.file_names)), tally.object_counts)[wrong[0]]
            raise DatasetError(
                f"{tally.file_names[picture]}: a label has class {tally.labelled[wrong[0]]}, but the model has "
                f"{self._class_count} classes; validate with the data set that the model was made for"
            )


def _check_order(tally: Tally) -> None:
    """Refuse detections that are not in falling score: greedy matching would go wrong unseen."""
    pictures = np.repeat(np.arange(len(tally.file_names)), tally.detection_counts)
    rising = np.flatnonzero((tally.scores[1:] > tally.scores[:-1]) & (pictures[1:] == pictures[:-1]))
    if len(rising):
        raise ValueError(f"{tally.file_names[pictures[rising[0]]]}: detections are not sorted by falling score")


def _per_picture(hits: Mapping[str, Hits], tally: Tally) -> list[dict[str, Bools]]:
    ends = np.cumsum(tally.detection_counts).tolist()
    parts = {name: unpack(bits) for name, bits in hits.items()}
    return [
        {name: right[begin:end] for name, right in parts.items()} for begin, end in zip([0, *ends], ends, strict=False)
    ]
