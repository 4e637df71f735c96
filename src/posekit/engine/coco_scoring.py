"""COCO-exact scores of a validation run, beside its own numbers."""

from collections.abc import Mapping, Sequence

from posekit.engine import distributed
from posekit.engine.validation import ValidationRun
from posekit.errors import DatasetError, DatasetNotFoundError
from posekit.log import LOGGER
from posekit.metrics.coco_exact import CocoCollector, coco_metrics_dict
from posekit.metrics.coco_labels import truth_from_labels
from posekit.metrics.coco_rows import Row
from posekit.metrics.coco_truth import CocoTruth, read_truth
from posekit.metrics.part_kinds import kinds_of

# The COCO protocol that measures each part.
PROTOCOL_OF_PART = {"box": "bbox", "seg": "segm", "pose": "keypoints"}


class CocoScoring:
    """Collects predictions where there is a COCO truth; it never stops a run.

    Attributes:
        category_ids: COCO category id of each class number; None where COCO's numbers play no part.
    """

    def __init__(self, run: ValidationRun, task: str) -> None:
        self.category_ids: dict[int, int] | None = None
        self._collector: CocoCollector | None = None
        kinds = [PROTOCOL_OF_PART[kind.name] for kind in kinds_of(task)]
        try:
            truth = _truth(run, masks="segm" in kinds)
            if truth is not None:
                self.category_ids = _category_ids(truth, run.split.names)
                sigmas = None if run.sigmas is None else run.sigmas.values
                self._collector = CocoCollector(truth, kinds, sigmas=sigmas)
        except (DatasetError, DatasetNotFoundError) as error:
            self._give_up(error)

    @property
    def active(self) -> bool:
        """Whether predictions are collected."""
        return self._collector is not None

    def add(self, path: str, rows: Sequence[Row]) -> None:
        """Add the prediction rows of one picture."""
        if self._collector is None:
            return
        try:
            self._collector.add(path, rows)
        except DatasetError as error:
            self._give_up(error)

    def scores(self) -> dict[str, float]:
        """Return the COCO scores of all processes by key; empty without a COCO truth."""
        parts = distributed.gather(None if self._collector is None else self._collector.kept())
        if self._collector is None:
            return {}
        for kept in parts:
            if kept is not None:
                self._collector.merge(kept)
        return coco_metrics_dict(self._collector.scores())

    def _give_up(self, error: Exception) -> None:
        LOGGER.warning("no COCO scores: %s", error)
        self._collector = None


def _truth(run: ValidationRun, *, masks: bool) -> CocoTruth | None:
    """Return the truth of a COCO file, or one made from label files when predictions are saved."""
    if run.split.truth is not None:
        return read_truth(run.split.truth, outlines=masks)
    if run.settings.save_json:
        return read_truth(
            truth_from_labels(run.split.pictures, run.split.names, schema=run.split.schema), outlines=masks
        )
    return None


def _category_ids(truth: CocoTruth, names: Mapping[int, str]) -> dict[int, int]:
    """Return the category id of each class: by name where all classes have one, else in rising order of the ids."""
    ids = {key: number for key, number in truth.categories.items() if isinstance(key, int)}
    by_name = {truth.names[number]: key for key, number in ids.items()}
    if set(names.values()) <= by_name.keys():
        return {number: by_name[name] for number, name in names.items()}
    if len(ids) != len(names):
        raise DatasetError(
            f"the COCO file has the categories {', '.join(by_name)}, and the data set the classes "
            f"{', '.join(names.values())}"
        )
    return dict(zip(names, sorted(ids), strict=True))
