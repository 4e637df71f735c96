"""Writes what a prediction run was asked to save."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from types import TracebackType

from posekit.config.settings import PredictSettings
from posekit.config.user import runs_folder
from posekit.files.writing import make_run_folder
from posekit.io.video import VideoWriter
from posekit.io.write import OutputNames, PictureWriter
from posekit.results.results import Results
from posekit.sample import Picture, Sample


class PredictionWriter:
    """Saves drawn pictures, videos, frames, label files and crops below one run folder.

    The folder is made when the first result comes, and only if anything is to be saved.

    Args:
        settings: what to save.
        task: of the model; runs lie below ``runs/<task>``.
    """

    def __init__(self, settings: PredictSettings, task: str) -> None:
        self._settings = settings
        self._task = task
        self._videos: VideoWriter | None = None

    @cached_property
    def folder(self) -> Path:
        """The run folder, made when it is first asked for."""
        base = runs_folder(self._task, self._settings.project)
        return make_run_folder(base, self._settings.name or "predict", self._settings.exist_ok)

    @cached_property
    def _names(self) -> OutputNames:
        return OutputNames()

    def draws(self, sample: Sample) -> bool:
        """Whether the drawing of a sample's results is to be saved."""
        return self._settings.save or (self._settings.save_frames and is_moving(sample))

    def write(self, sample: Sample, result: Results, drawing: Picture | None) -> None:
        """Save one picture's results as the settings ask.

        Args:
            sample: the picture.
            result: what was found on it; gets its `save_dir`.
            drawing: the drawn picture (H, W, 3) uint8 BGR, where `draws` says so.

        Raises:
            OutputError: something cannot be written.
        """
        wanted = self._settings
        if not any((wanted.save, wanted.save_frames, wanted.save_txt, wanted.save_crop, wanted.visualize)):
            return
        folder = self.folder
        result.save_dir = str(folder)
        if drawing is not None and self.draws(sample):
            self._write_drawing(folder, sample, drawing)
        stem = self._names.stem(sample)
        if is_moving(sample):
            stem = f"{stem}_{sample.origin.frame}"
        if wanted.save_txt:
            _write_labels(folder / "labels" / f"{stem}.txt", result, with_conf=wanted.save_conf)
        if wanted.save_crop:
            result.save_crop(folder / "crops", f"{stem}.jpg")

    def features_folder(self, sample: Sample) -> Path:
        """Return the folder for the feature maps of a picture or video."""
        return self.folder / self._names.stem(sample)

    def close(self) -> None:
        """Finish videos; harmless when repeated."""
        if self._videos is not None:
            self._videos.close()

    def __enter__(self) -> "PredictionWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write_drawing(self, folder: Path, sample: Sample, drawing: Picture) -> None:
        if not is_moving(sample):
            PictureWriter(folder, self._names).write(sample, drawing)
            return
        if self._settings.save:
            if self._videos is None:
                self._videos = VideoWriter(folder, self._names, self._settings.vid_stride)
            self._videos.write(sample, drawing)
        if self._settings.save_frames:
            PictureWriter(folder, self._names).write(sample, drawing)


def is_moving(sample: Sample) -> bool:
    """Whether a sample is a frame of a video or stream."""
    return sample.origin.frame is not None


def draw(result: Results, settings: PredictSettings) -> Picture:
    """Return the drawn picture (H, W, 3) uint8 BGR."""
    plot: Callable[..., Picture] = result.plot  # type: ignore[assignment]  # an array, unless pil=True
    return plot(
        conf=settings.show_conf,
        line_width=settings.line_width,
        labels=settings.show_labels,
        boxes=settings.show_boxes,
    )


def _write_labels(path: Path, result: Results, *, with_conf: bool) -> None:
    """Write a label file anew: `exist_ok` may have let one of an older run stand in its place."""
    path.unlink(missing_ok=True)
    result.save_txt(path, save_conf=with_conf)
