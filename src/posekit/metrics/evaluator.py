"""`Evaluator`: takes pictures batch by batch and gives their `Metrics` at the end."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from posekit.errors import DatasetError, SettingError
from posekit.log import LOGGER
from posekit.metrics.class_scores import Ranking, class_scores, rank
from posekit.metrics.confusion import ConfusionMatrix
from posekit.metrics.matching import Bools, Hits, match, unpack
from posekit.metrics.part import PartMetrics
from posekit.metrics.part_kinds import BOX, POSE, kinds_of
from posekit.metrics.picture import Floats, Found, Truth
from posekit.metrics.picture_scores import picture_scores
from posekit.metrics.report import Metrics
from posekit.metrics.tally import Tally, gather, tally_pictures
from posekit.metrics.unscored import Unscored, find_unscored
from posekit.schema.sigmas import SigmaChoice


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
        """Start without pictures.

        Args:
            task: detect, segment, pose or multitask.
            names: class name by number.
            sigmas: K standard deviations of OKS, for tasks with keypoints.
            conf: of the confusion matrix.
            confusion: whether the confusion matrix is filled.

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
        founds: Sequence[Found],
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
        tally = tally_pictures(truths, founds, file_names, self._places(len(truths), positions))
        self._check_classes(tally)
        _check_order(tally)
        hits: dict[str, Hits] = {}
        unscored: dict[str, Unscored] = {}
        sigmas = self._sigma_values()
        for kind in kinds_of(self.task):
            similarities = [kind.compare(truth, found, sigmas) for truth, found in zip(truths, founds, strict=True)]
            known = None if kind.known is None else [kind.known(truth) for truth in truths]
            if known is not None:
                similarities = [values * those[:, None] for values, those in zip(similarities, known, strict=True)]
            hits[kind.name] = match(similarities, truths, founds)
            if known is not None:
                unscored[kind.name] = find_unscored(known, truths, founds, hits[kind.name])
            if kind is BOX and self._confusion:
                self._confusion_matrix.process(truths, founds, self.conf, similarities)
        self._tallies.append(replace(tally, hits=hits, unscored=unscored))
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
        tally = gather(self._tallies, [kind.name for kind in kinds])
        if not len(tally.labelled):
            LOGGER.warning(f"no labels in {self.seen} pictures: every score is 0")
        ranking = rank(tally.scores, tally.classes)
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
        if name in tally.unscored:
            tally = tally.scored_by(name)
            ranking = rank(tally.scores, tally.classes)
        scores = class_scores(tally.hits[name], ranking, tally.labelled)
        right = tally.right_per_picture(name)
        pictures = partial(picture_scores, tally.file_names, right, tally.detection_counts, tally.object_counts)
        return PartMetrics(self._class_count, scores, pictures)

    def _places(self, count: int, positions: Sequence[int] | None) -> Sequence[int]:
        return range(self.seen, self.seen + count) if positions is None else positions

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
