"""Everything that is counted while a validation runs, and put together at its end."""

from collections.abc import Sequence
from pathlib import Path

from posekit.config.task_parts import TASKS_WITH_KEYPOINTS
from posekit.engine import distributed
from posekit.engine.coco_scoring import CocoScoring
from posekit.engine.scored_batch import ScoredBatch
from posekit.engine.validation import ValidationRun
from posekit.metrics.box_pairs import matched_pairs
from posekit.metrics.coco_rows import Row
from posekit.metrics.evaluator import Evaluator
from posekit.metrics.per_keypoint import PerKeypoint
from posekit.metrics.report import Metrics
from posekit.models.contract import ValidationModel


class Scorer:
    """Scores batch by batch; keeps a few bytes per detection, and nothing of the pictures.

    Attributes:
        coco: the COCO-exact scores, where there is a COCO truth.
    """

    def __init__(self, run: ValidationRun, model: ValidationModel) -> None:
        settings = run.settings
        self._evaluator = Evaluator(model.task, model.names, run.sigmas, conf=settings.conf, confusion=settings.plots)
        self._folder = run.split.folder
        self._keypoints: PerKeypoint | None = None
        schema = run.split.schema
        if run.sigmas is not None and schema is not None and model.task in TASKS_WITH_KEYPOINTS:
            self._keypoints = PerKeypoint(schema, run.sigmas.values)
        self.coco = CocoScoring(run, model.task)

    def add(self, scored: ScoredBatch, rows: Sequence[Sequence[Row]]) -> None:
        """Count a batch.

        Args:
            scored: truth and detections.
            rows: prediction rows of each picture; used where there is a COCO truth.
        """
        paths = [sample.path for sample in scored.batch.samples]
        names = [Path(path).relative_to(self._folder).as_posix() for path in paths]
        self._evaluator.add(scored.truths, scored.founds, names, scored.positions)
        if self._keypoints is not None:
            for truth, found in zip(scored.truths, scored.founds, strict=True):
                self._keypoints.add(truth, found, matched_pairs(truth, found))
        if self.coco.active:
            for path, its_rows in zip(paths, rows, strict=True):
                self.coco.add(path, its_rows)

    def metrics(self) -> Metrics:
        """Return the numbers of all processes."""
        evaluators = distributed.gather(self._evaluator)
        tables = distributed.gather(self._keypoints)
        for evaluator in evaluators[1:]:
            evaluators[0].merge(evaluator)
        metrics = evaluators[0].metrics()
        for table in tables[1:]:
            if tables[0] is not None and table is not None:
                tables[0].merge(table)
        metrics.keypoints = tables[0]
        metrics.coco = self.coco.scores()
        return metrics
