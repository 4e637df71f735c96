"""The prediction loop: source, network, decoding, results."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Any, cast

from torch import Tensor

from posekit.config.settings import PredictSettings
from posekit.data.figures.scene import is_figures, parse_figures
from posekit.engine.callbacks import Callback, call_all
from posekit.engine.console import picture_line, place_text, speed_line
from posekit.engine.prediction_writer import PredictionWriter, draw, is_moving
from posekit.errors import SettingError, ShapeError
from posekit.files.user_folders import data_folder
from posekit.io.open_source import open_source
from posekit.io.prefetch import Prefetcher
from posekit.io.source import Source
from posekit.log import LOGGER
from posekit.models.contract import Inside, MaskSize, Model
from posekit.ops.letterbox import Letterbox
from posekit.ops.masks import nonempty_masks
from posekit.results.detected import Detected, results_of
from posekit.results.results import Results
from posekit.sample import Batch, Picture, Sample
from posekit.viz.mosaics import save_feature_maps
from posekit.viz.window import LiveWindow, require_screen, show_picture

DEFAULT_SOURCE = "figures"
PREFETCHED = 2  # batches made ready ahead of the network
STAGES = ("preprocess", "inference", "postprocess")


class Display:
    """Opens each picture in the system's viewer, and plays videos and streams in one window.

    Attributes:
        stopped: whether the user closed the window, or pressed q in it.
    """

    def __init__(self) -> None:
        self.stopped = False
        self._window: LiveWindow | None = None

    def show(self, picture: Picture, *, moving: bool) -> None:
        """Show a drawn picture (H, W, 3) uint8 BGR, or the next frame.

        Raises:
            DisplayError: there is no screen, or nothing to show pictures with.
        """
        if not moving:
            show_picture(picture)
            return
        if self._window is None:
            self._window = LiveWindow("posekit")
        self.stopped = not self._window.show(picture)

    def close(self) -> None:
        """Close the window; harmless when repeated."""
        if self._window is not None:
            self._window.close()
            self._window = None

    def __enter__(self) -> "Display":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a predictor: all settings, and what to predict on."""

    settings: PredictSettings
    source: Source


def open_run(settings: PredictSettings, source: Any) -> Run:
    """Open a source; a file or folder that exists is preferred to the word "figures".

    Raises:
        SourceNotFoundError, SourceTypeError, SourceValueError: the source cannot be opened.
    """
    if source is None:
        LOGGER.warning("no source given: taking synthetic scenes (source='%s')", DEFAULT_SOURCE)
        source = DEFAULT_SOURCE
    if isinstance(source, str) and is_figures(source) and not Path(source).exists():
        return Run(settings=settings, source=parse_figures(source, settings.batch))
    opened = open_source(
        source,
        batch=settings.batch,
        vid_stride=settings.vid_stride,
        stream_buffer=settings.stream_buffer,
        download_dir=data_folder() / "downloads",
    )
    return Run(settings=settings, source=opened)


def results_list(results: Iterator[Results], source: Source) -> list[Results]:
    """Collect all results, with a word of warning where they may not fit into memory."""
    if source.is_video:
        LOGGER.warning("results of all frames are kept in memory: use stream=True for long videos and live sources")
    return list(results)


@dataclass(frozen=True)
class ReadyBatch:
    """A batch that the network can take, and the milliseconds per picture that making it took."""

    batch: Batch
    milliseconds: float


def prepared_batches(
    source: Source, model: Model, settings: PredictSettings
) -> AbstractContextManager[Iterable[ReadyBatch]]:
    """Return the batches of a source; leaving the context releases the source.

    Files are read and letterboxed in a background thread. Live sources read ahead by themselves, and
    would only be delayed by a second queue; a single picture has nothing to be read ahead of.
    """
    preparation = _Preparation(source, model, settings)
    single = source.count == 1 and not source.is_video
    return closing(preparation) if source.live or single else Prefetcher(preparation, PREFETCHED)


class _Preparation:
    """The batches of a source, made ready one by one."""

    def __init__(self, source: Source, model: Model, settings: PredictSettings) -> None:
        self._source = source
        self._placing = model.placing
        self._size = cast(tuple[int, int], settings.imgsz)  # as `Model.adapt` leaves it
        self._rect = settings.rect

    def __iter__(self) -> Iterator[ReadyBatch]:
        for samples in self._source:
            start = perf_counter()
            batch = self._placing.prepare(samples, self._size, rect=self._rect)
            yield ReadyBatch(batch, (perf_counter() - start) * 1e3 / len(samples))

    def close(self) -> None:
        """Release the source."""
        self._source.close()


class Predictor:
    """Runs a model over sources, one run at a time; callbacks receive this object.

    Whoever makes one sets its `model` before the first run.

    Args:
        _callbacks: functions by event; later additions count, too.

    Attributes:
        args: the settings of the run.
        dataset: the open source; None before the first run.
        batch: (paths, pictures, console lines) of the current batch.
        results: the results of the current batch; callbacks may replace entries.
        save_dir: folder of the run once something was saved.
        seen: pictures so far.
        speed: mean milliseconds per picture of each stage so far.
        running: whether a run has begun and not ended.
    """

    def __init__(self, _callbacks: Mapping[str, Sequence[Callback]] | None = None) -> None:
        self.callbacks = {} if _callbacks is None else _callbacks
        self.args = PredictSettings()
        self.running = False
        self._reset()

    @cached_property
    def model(self) -> Model:
        """What predicts."""
        raise SettingError(f"{type(self).__name__} has no model yet: set its attribute model")

    def stream(self, run: Run) -> Iterator[Results]:
        """Begin a run; return a generator of one `Results` per picture or frame, which keeps none of them.

        Closing the generator releases the source and finishes videos.

        Raises:
            DisplayError: results are to be shown, and there is no screen.
        """
        if run.settings.show:
            require_screen()
        self.args = self.model.adapt(run.settings)
        self._reset(run.source)
        self.running = True
        return self._results(run.source, PredictionWriter(self.args, self.model.task))

    def embed(self, run: Run) -> Iterator[Tensor]:
        """Yield one feature vector (C,) per picture, of the layers that ``embed`` names."""
        settings, inside = self.model.adapt(run.settings), cast(Inside, self.model)
        with prepared_batches(run.source, self.model, settings) as batches:
            for ready in batches:
                yield from inside.embed(ready.batch, list(settings.embed or ()))

    def _reset(self, source: Source | None = None) -> None:
        """Forget the last run."""
        self.dataset = source
        self.batch: tuple[list[str], list[Any], list[str]] = ([], [], [])
        self.results: list[Results] = []
        self.save_dir: str | None = None
        self.seen = 0
        self.speed: dict[str, float] = dict.fromkeys(STAGES, 0.0)

    def _results(self, source: Source, writer: PredictionWriter) -> Iterator[Results]:
        try:
            call_all(self.callbacks, "on_predict_start", self)
            shape: tuple[int, ...] = ()
            with ExitStack() as stack:
                stack.enter_context(writer)
                display = stack.enter_context(Display())
                for ready in stack.enter_context(prepared_batches(source, self.model, self.args)):
                    shape = tuple(ready.batch.images.shape)
                    self._predict_batch(ready, writer, display)
                    yield from self.results
                    if display.stopped:
                        break
            call_all(self.callbacks, "on_predict_end", self)
            self._say_end(shape)
        finally:
            self.running = False

    def _predict_batch(self, ready: ReadyBatch, writer: PredictionWriter, display: Display) -> None:
        batch, samples = ready.batch, ready.batch.samples
        images = [sample.image for sample in samples]
        self.batch = ([sample.path for sample in samples], images, [place_text(sample) for sample in samples])
        call_all(self.callbacks, "on_predict_batch_start", self)
        start = perf_counter()
        outputs = self.model.run(batch, self.args)
        middle = perf_counter()
        masks: MaskSize = "original" if self.args.retina_masks else "input"
        detected = self.model.detect(outputs, batch, self.args, masks)
        self.results = [self._result(*one) for one in zip(detected, samples, batch.letterboxes, strict=True)]
        end = perf_counter()
        self._note_speed(ready.milliseconds, (middle - start) * 1e3, (end - middle) * 1e3)
        call_all(self.callbacks, "on_predict_postprocess_end", self)
        if len(self.results) != len(samples):
            raise ShapeError(f"a callback left {len(self.results)} results for a batch of {len(samples)} pictures")
        for index, sample in enumerate(samples):
            self._save_and_show(sample, self.results[index], writer, display)
            self._report(index, sample, batch)
        if self.args.visualize:
            folders = [writer.features_folder(sample) for sample in samples]
            save_feature_maps(cast(Inside, self.model).feature_maps(batch), folders)
        call_all(self.callbacks, "on_predict_batch_end", self)

    def _result(self, detected: Detected[Tensor], sample: Sample, letterbox: Letterbox) -> Results:
        masks = detected.masks
        if masks is not None and detected.keypoints is None:  # with keypoints an object is more than its mask
            detected = detected.take(nonempty_masks(masks))
        return results_of(detected.to_original(letterbox), sample, self.model.names, self.model.schema)

    def _note_speed(self, preprocess: float, inference: float, postprocess: float) -> None:
        """Record times in milliseconds: preparation of one picture, network and decoding of the batch."""
        count = len(self.results)
        times = dict(zip(STAGES, (preprocess, inference / count, postprocess / count), strict=True))
        for result in self.results:
            result.speed = {**times}
        total = self.seen + count
        self.speed = {stage: (self.speed[stage] * self.seen + times[stage] * count) / total for stage in STAGES}
        self.seen = total

    def _save_and_show(self, sample: Sample, result: Results, writer: PredictionWriter, display: Display) -> None:
        drawing = draw(result, self.args) if self.args.show or writer.draws(sample) else None
        writer.write(sample, result, drawing)
        self.save_dir = result.save_dir
        if self.args.show and drawing is not None:
            display.show(drawing, moving=is_moving(sample))

    def _report(self, index: int, sample: Sample, batch: Batch) -> None:
        """Complete, and print, the console line of one picture."""
        line = picture_line(sample, self.results[index], (batch.images.shape[2], batch.images.shape[3]))
        self.batch[2][index] = line
        if self.args.verbose:
            LOGGER.info("%s", line)

    def _say_end(self, shape: tuple[int, ...]) -> None:
        if self.args.verbose and self.seen:
            LOGGER.info("%s at shape %s", speed_line(self.speed), shape)
        if self.args.verbose and self.save_dir:
            LOGGER.info("Results saved to %s", self.save_dir)
