"""The prediction loop: source, network, decoding, results."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from torch import Tensor

from posekit.config.predict import PredictSettings
from posekit.engine.callbacks import Callback, call_all
from posekit.engine.prediction_writer import PredictionWriter, draw
from posekit.engine.progress_lines import picture_line, speed_line
from posekit.io.base import Source
from posekit.io.prefetch import Prefetcher
from posekit.models.contract import InferenceModel
from posekit.results import Results
from posekit.sample import Batch, Sample
from posekit.viz.feature_maps import save_feature_maps
from posekit.viz.window import show_picture

LOGGER = logging.getLogger("posekit")
STAGES = ("preprocess", "inference", "postprocess")
PREFETCHED = 2  # batches made ready ahead of the network


@dataclass(frozen=True)
class _Ready:
    """A batch made ready in the background, and the milliseconds per picture that took."""

    batch: Batch
    preprocess: float


class Predictor:
    """Runs a model over sources; callbacks receive this object.

    Args:
        model: a model that is ready to predict.
        settings: all settings of the run.
        base: folder of runs, such as ``runs/pose``.
        callbacks: functions by event.

    Attributes:
        args: the settings.
        dataset: the open source.
        batch: (paths, pictures, console lines) of the current batch.
        results: the results of the current batch; callbacks may replace entries.
        save_dir: folder of the run once something was saved.
        seen: pictures so far.
        speed: mean milliseconds per picture of each stage so far.
    """

    def __init__(
        self,
        model: InferenceModel,
        settings: PredictSettings,
        *,
        base: Path,
        callbacks: Mapping[str, Sequence[Callback]] | None = None,
    ) -> None:
        self.model = model
        self.args = settings
        self.callbacks = callbacks or {}
        self.dataset: Source | None = None
        self.batch: tuple[list[str], list[Any], list[str]] = ([], [], [])
        self.results: list[Results] = []
        self.seen = 0
        self.speed: dict[str, float] = dict.fromkeys(STAGES, 0.0)
        self._writer = PredictionWriter(settings, base, settings.name or "predict")

    @property
    def save_dir(self) -> str | None:
        """Folder of the run once something was saved, else None."""
        return None if self._writer.folder is None else str(self._writer.folder)

    def stream(self, source: Source) -> Iterator[Results]:
        """Yield one `Results` per picture or frame; nothing is kept after it was yielded.

        Pictures are read and letterboxed in a background thread, ahead of the network. Closing the
        generator ends the thread, releases the source and finishes videos.
        """
        self.dataset = source
        call_all(self.callbacks, "on_predict_start", self)
        shape: tuple[int, ...] = ()
        with ExitStack() as stack:
            stack.enter_context(self._writer)
            for ready in stack.enter_context(self._prepared(source)):
                shape = tuple(ready.batch.images.shape)
                self._predict_batch(ready)
                yield from self.results
        call_all(self.callbacks, "on_predict_end", self)
        if self.args.verbose and self.seen:
            LOGGER.info("%s", speed_line(self.speed, shape))
        if self.args.verbose and self.save_dir:
            LOGGER.info("Results saved to %s", self.save_dir)

    def embed(self, source: Source, layers: list[int]) -> Iterator[Tensor]:
        """Yield one feature vector (C,) per picture."""
        with self._prepared(source) as batches:
            for ready in batches:
                yield from self.model.embed(ready.batch, layers)

    def _prepared(self, source: Source) -> AbstractContextManager[Iterable[_Ready]]:
        """Return the batches of a source, made ready ahead of the network; live sources read ahead by themselves."""
        preparation = _Preparation(source, self.model, self.args)
        return closing(preparation) if source.live else Prefetcher(preparation, PREFETCHED)

    def _predict_batch(self, ready: _Ready) -> None:
        batch, samples = ready.batch, ready.batch.samples
        self.batch = ([sample.path for sample in samples], [sample.image for sample in samples], [])
        call_all(self.callbacks, "on_predict_batch_start", self)
        start = perf_counter()
        outputs = self.model.run(batch, self.args)
        middle = perf_counter()
        self.results = self.model.decode(outputs, batch, self.args)
        end = perf_counter()
        count = len(samples)
        times = (ready.preprocess, (middle - start) * 1e3 / count, (end - middle) * 1e3 / count)
        self._note_speed(dict(zip(STAGES, times, strict=True)))
        call_all(self.callbacks, "on_predict_postprocess_end", self)
        for sample, result in zip(samples, self.results, strict=True):
            self._report(sample, result, batch)
        if self.args.visualize:
            folders = [self._writer.each_stem(sample) for sample in samples]
            save_feature_maps(self.model.feature_maps(batch), folders)
        call_all(self.callbacks, "on_predict_batch_end", self)

    def _note_speed(self, times: dict[str, float]) -> None:
        count = len(self.results)
        for result in self.results:
            result.speed = {**times}
        total = self.seen + count
        self.speed = {stage: (self.speed[stage] * self.seen + times[stage] * count) / total for stage in STAGES}
        self.seen = total

    def _report(self, sample: Sample, result: Results, batch: Batch) -> None:
        """Save, show and print one picture's results."""
        self._writer.write(sample, result)
        if self.args.show:
            show_picture(draw(result, self.args))
        if self.args.verbose:
            network = (batch.images.shape[2], batch.images.shape[3])
            line = picture_line(sample, result, network, result.speed["inference"] or 0.0)
            self.batch[2].append(line)
            LOGGER.info("%s", line)


class _Preparation:
    """The batches of a source, made ready; iterated by the background thread."""

    def __init__(self, source: Source, model: InferenceModel, settings: PredictSettings) -> None:
        self._source = source
        self._model = model
        self._settings = settings

    def __iter__(self) -> Iterator[_Ready]:
        for samples in self._source:
            start = perf_counter()
            batch = self._model.prepare(samples, self._settings)
            yield _Ready(batch, (perf_counter() - start) * 1e3 / len(samples))

    def close(self) -> None:
        """Release the source."""
        self._source.close()
