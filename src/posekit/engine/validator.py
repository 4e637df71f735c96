"""The validation loop: labelled pictures, network, detections, numbers."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from time import perf_counter
from typing import Any, TypeVar

import torch

from posekit.config.settings import ValSettings
from posekit.engine import distributed
from posekit.engine.callbacks import Callback, call_all
from posekit.engine.console import speed_line
from posekit.engine.scoring import ScoredBatch, Scorer, mask_size, results_of, scored_batch, targets_of
from posekit.engine.validation_run import LabelledBatch, ValidationRun, labelled_batches
from posekit.engine.validation_writer import ValidationWriter
from posekit.log import LOGGER, progress_bar
from posekit.metrics.keypoints import worst_line
from posekit.metrics.report import Metrics, header, rows
from posekit.models.contract import Criterion, ValidationModel
from posekit.results.results import Results

AnyValidator = TypeVar("AnyValidator", bound="Validator")
STAGES = ("preprocess", "inference", "loss", "postprocess")


class Validator:
    """Measures a model against labelled pictures; callbacks receive this object.

    Args:
        model: a model that can be measured.
        callbacks: functions by event; later additions count, too.
        criterion: scores the outputs of `model`, within a training; None computes no losses.

    Attributes:
        args: the settings of the run.
        metrics: the numbers of the last run; None before its end.
        save_dir: folder of the run once something was saved.
        seen: pictures so far, of this process.
        speed: mean milliseconds per picture of each stage so far.
        losses: mean over batches of each item of the criterion, after a run.
    """

    def __init__(
        self,
        model: ValidationModel,
        callbacks: Mapping[str, Sequence[Callback]] | None = None,
        *,
        criterion: Criterion | None = None,
    ) -> None:
        self.model = model
        self._begin(callbacks, criterion)

    def _begin(
        self, callbacks: Mapping[str, Sequence[Callback]] | None = None, criterion: Criterion | None = None
    ) -> None:
        """Set the attributes to where no run has begun."""
        self.callbacks = {} if callbacks is None else callbacks
        self.args = ValSettings()
        self.metrics: Metrics | None = None
        self.save_dir: str | None = None
        self.seen = 0
        self.speed = dict.fromkeys(STAGES, 0.0)
        self.losses: dict[str, float] = {}
        self._criterion = criterion
        self._sums: dict[str, list[float]] = {}

    @classmethod
    def of(
        cls: type[AnyValidator],
        model: ValidationModel,
        callbacks: Mapping[str, Sequence[Callback]] | None = None,
        *,
        criterion: Criterion | None = None,
    ) -> AnyValidator:
        """Return a validator of a model that is ready; subclasses may be made in other ways, too."""
        return cls(model, callbacks, criterion=criterion)

    def run(self, run: ValidationRun) -> Metrics:
        """Validate; in every process of a distributed run, each of which gets the numbers of all.

        Raises:
            UnreadableImageError: a picture cannot be decoded.
            OutputError: something cannot be saved.
        """
        self.args = run.settings
        self.metrics, self.save_dir, self.seen = None, None, 0
        self.speed = dict.fromkeys(STAGES, 0.0)
        self._sums = {}
        call_all(self.callbacks, "on_val_start", self)
        scorer = Scorer(run, self.model)
        with ValidationWriter(run, self.model, scorer.coco.category_ids) as writer:
            self._score_all(run, scorer, writer)
            metrics = scorer.metrics()
            self.losses = self._mean_losses()
            metrics.speed = dict(self.speed)
            if distributed.rank() == 0:
                writer.write_figures(metrics)
            metrics.save_dir = writer.folder
        self.metrics = metrics
        self.save_dir = None if writer.folder is None else str(writer.folder)
        if self.args.verbose and distributed.rank() == 0:
            self._say(metrics)
        call_all(self.callbacks, "on_val_end", self)
        return metrics

    def _score_all(self, run: ValidationRun, scorer: Scorer, writer: ValidationWriter) -> None:
        plans = self.model.plan([picture.size for picture in run.split.pictures], self.args)
        mine = plans[distributed.rank() :: distributed.world_size()]
        total = sum(len(plan.pictures) for plan in mine)
        shown = self.args.verbose and distributed.rank() == 0
        with ExitStack() as stack:
            batches = stack.enter_context(labelled_batches(run.split, mine, self.model, self.args))
            advance = stack.enter_context(progress_bar(f"{run.split.name} ({total} pictures)", total, shown=shown))
            for ready in batches:
                call_all(self.callbacks, "on_val_batch_start", self)
                scored = self._score(ready)
                originals = self._originals(scored) if scorer.coco.active or writer.needs_originals else None
                scorer.add(scored, originals)
                writer.write(scored, originals)
                advance(len(scored.founds))
                call_all(self.callbacks, "on_val_batch_end", self)

    def _score(self, ready: LabelledBatch) -> ScoredBatch:
        batch = ready.batch
        start = perf_counter()
        outputs = self.model.run(batch, self.args)
        middle = perf_counter()
        detected = self.model.detect(outputs, batch, self.args, mask_size(batch, self.args))
        scored = scored_batch(ready, detected, self.args)
        end = perf_counter()
        if self._criterion is not None:
            self._add_losses(self._criterion, outputs, scored)
        self._note_speed(len(detected), ready.milliseconds, (middle - start) * 1e3, (end - middle) * 1e3)
        return scored

    def _add_losses(self, criterion: Criterion, outputs: Any, scored: ScoredBatch) -> None:
        images = scored.batch.images
        shape = (images.shape[2], images.shape[3])
        targets = targets_of(scored.truths, shape, overlap=self.args.overlap_mask)
        with torch.no_grad():
            items = criterion(outputs, targets.to(self.model.device)).items
        for name, value in items.items():
            self._sums.setdefault(name, []).append(float(value))

    def _mean_losses(self) -> dict[str, float]:
        """Return the mean items over the batches of all processes."""
        parts = distributed.gather(self._sums)
        names = [] if self._criterion is None else self._criterion.names
        values = {name: [value for part in parts for value in part.get(name, ())] for name in names}
        return {name: sum(each) / len(each) if each else 0.0 for name, each in values.items()}

    def _note_speed(self, count: int, preprocess: float, inference: float, postprocess: float) -> None:
        """Record the milliseconds that a batch took."""
        times = dict(zip(STAGES, (preprocess, inference, 0.0, postprocess), strict=True))
        total = self.seen + count
        self.speed = {stage: (self.speed[stage] * self.seen + times[stage]) / total for stage in STAGES}
        self.seen = total

    def _originals(self, scored: ScoredBatch) -> list[Results]:
        batch = scored.batch
        return [
            results_of(found, sample.path, letterbox, self.model.names, self.model.schema)
            for found, sample, letterbox in zip(scored.founds, batch.samples, batch.letterboxes, strict=True)
        ]

    def _say(self, metrics: Metrics) -> None:
        """Print the table, what stands beside it, and where files are."""
        for line in (header(metrics), *rows(metrics, per_class=True)):
            LOGGER.info("%s", line)
        if metrics.coco:
            scores = (f"{key.removeprefix('metrics/')} {value:.3f}" for key, value in metrics.coco.items())
            LOGGER.info("COCO protocol: %s", ", ".join(scores))
        if metrics.keypoints is not None:
            LOGGER.info("%s", worst_line(metrics.keypoints.worst()))
        LOGGER.info("%s", speed_line(metrics.speed))
        if metrics.save_dir is not None:
            LOGGER.info("Results saved to %s", metrics.save_dir)
