"""The validation loop: labelled pictures, network, detections, numbers."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from time import perf_counter
from typing import Any, cast

import torch

from posekit.config.settings import ValSettings
from posekit.engine import distributed
from posekit.engine.callbacks import Callback, call_all
from posekit.engine.console import speed_line
from posekit.engine.scoring import ScoredBatch, Scorer, scored_batch, targets_of
from posekit.engine.validation_run import LabelledBatch, ValidationRun, labelled_batches
from posekit.engine.validation_writer import ValidationWriter
from posekit.errors import SettingError
from posekit.log import LOGGER, progress_bar
from posekit.metrics.keypoints import worst_line
from posekit.metrics.report import Metrics, header, rows
from posekit.models.contract import Criterion, MaskSize, Model

STAGES = ("preprocess", "inference", "loss", "postprocess")


class Validator:
    """Measures a model against labelled pictures; callbacks receive this object.

    Whoever makes one sets its `model` before the first run, and within a training its `criterion`.

    Args:
        _callbacks: functions by event; later additions count, too.

    Attributes:
        criterion: scores the outputs of the model; None computes no losses.
        args: the settings of the run.
        metrics: the numbers of the last run; None before its end.
        save_dir: folder of the run once something was saved.
        seen: pictures so far, of this process.
        speed: mean milliseconds per picture of each stage so far.
        losses: mean over batches of each item of the criterion, after a run.
    """

    def __init__(self, _callbacks: Mapping[str, Sequence[Callback]] | None = None) -> None:
        self.callbacks = {} if _callbacks is None else _callbacks
        self.criterion: Criterion | None = None
        self.args = ValSettings()
        self.losses: dict[str, float] = {}
        self._reset()

    @cached_property
    def model(self) -> Model:
        """What is measured."""
        raise SettingError(f"{type(self).__name__} has no model yet: set its attribute model")

    def _reset(self) -> None:
        """Forget the last run."""
        self.metrics: Metrics | None = None
        self.save_dir: str | None = None
        self.seen = 0
        self.speed = dict.fromkeys(STAGES, 0.0)
        self._sums: dict[str, list[float]] = {}

    def run(self, run: ValidationRun) -> Metrics:
        """Validate; in every process of a distributed run, each of which gets the numbers of all.

        Raises:
            UnreadableImageError: a picture cannot be decoded.
            OutputError: something cannot be saved.
        """
        self.args = run.settings
        self._reset()
        call_all(self.callbacks, "on_val_start", self)
        scorer = Scorer(run, self.model)
        with ValidationWriter(run, self.model, scorer.category_ids) as writer:
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
        placing = self.model.placing
        plans = placing.plan(
            run.split.pictures.picture_sizes, cast(int, self.args.imgsz), int(self.args.batch), rect=self.args.rect
        )
        mine = plans[distributed.rank() :: distributed.world_size()]
        total = sum(len(plan.pictures) for plan in mine)
        shown = self.args.verbose and distributed.rank() == 0
        with ExitStack() as stack:
            batches = stack.enter_context(labelled_batches(run.split, mine, placing, self.args))
            advance = stack.enter_context(progress_bar(f"{run.split.name} ({total} pictures)", total, shown=shown))
            for ready in batches:
                call_all(self.callbacks, "on_val_batch_start", self)
                scored = self._score(ready)
                originals = scored.originals() if scorer.collects or writer.needs_originals else None
                scorer.add(scored, originals)
                writer.write(scored, originals)
                advance(len(scored.founds))
                call_all(self.callbacks, "on_val_batch_end", self)

    def _score(self, ready: LabelledBatch) -> ScoredBatch:
        batch = ready.batch
        start = perf_counter()
        outputs = self.model.run(batch, self.args)
        middle = perf_counter()
        # Masks are compared coarsely; whole when they are saved, as they must be made then anyway.
        masks: MaskSize = "input" if self.args.save_json or self.args.save_txt else "prototypes"
        detected = self.model.detect(outputs, batch, self.args, masks)
        scored = scored_batch(ready, detected, self.args)
        end = perf_counter()
        if self.criterion is not None:
            self._add_losses(self.criterion, outputs, scored)
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
        names = [] if self.criterion is None else self.criterion.names
        values = {name: [value for part in parts for value in part.get(name, ())] for name in names}
        return {name: sum(each) / len(each) if each else 0.0 for name, each in values.items()}

    def _note_speed(self, count: int, preprocess: float, inference: float, postprocess: float) -> None:
        """Record the milliseconds that a batch took."""
        times = dict(zip(STAGES, (preprocess, inference, 0.0, postprocess), strict=True))
        total = self.seen + count
        self.speed = {stage: (self.speed[stage] * self.seen + times[stage]) / total for stage in STAGES}
        self.seen = total

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
