"""Writes what a prediction run was asked to save."""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from posekit.config.predict import PredictSettings
from posekit.io.image_writer import FrameWriter, ImageWriter
from posekit.io.names import OutputNames
from posekit.io.run_folder import make_run_folder
from posekit.io.video_writer import VideoWriter
from posekit.results import Results
from posekit.sample import Picture, Sample


class PredictionWriter:
    """Saves drawn pictures, videos, frames, label files and crops below one run folder.

    The folder is made when the first thing is saved.

    Args:
        settings: what to save and how to draw.
        base: folder of runs, such as ``runs/pose``.
        name: name of the run; taken names get a number.
    """

    def __init__(self, settings: PredictSettings, base: Path, name: str) -> None:
        self.settings = settings
        self._base = base
        self._name = name
        self._folder: Path | None = None
        self._names = OutputNames()
        self._videos: VideoWriter | None = None
        self._started_labels: set[Path] = set()

    @property
    def active(self) -> bool:
        """Whether anything is to be saved."""
        wanted = self.settings
        return any((wanted.save, wanted.save_frames, wanted.save_txt, wanted.save_crop, wanted.visualize))

    @property
    def folder(self) -> Path | None:
        """The run folder once something was saved, else None."""
        return self._folder

    def run_folder(self) -> Path:
        """Return the run folder, made at the first call."""
        if self._folder is None:
            self._folder = make_run_folder(self._base, self._name, self.settings.exist_ok)
        return self._folder

    def write(self, sample: Sample, result: Results) -> None:
        """Save one picture's results as the settings ask."""
        if not self.active:
            return
        folder, settings = self.run_folder(), self.settings
        result.save_dir = str(folder)
        moving = sample.origin.frame is not None
        if settings.save or (settings.save_frames and moving):
            self._write_drawing(sample, draw(result, settings), moving)
        stem = self._names.stem(sample)
        if settings.save_txt:
            number = f"_{sample.origin.frame}" if moving else ""
            self._write_labels(folder / "labels" / f"{stem}{number}.txt", result)
        if settings.save_crop:
            result.save_crop(folder / "crops", f"{stem}.jpg")

    def each_stem(self, sample: Sample) -> Path:
        """Return the folder for further files about one picture (feature maps)."""
        return self.run_folder() / self._names.stem(sample)

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

    def _write_drawing(self, sample: Sample, picture: Picture, moving: bool) -> None:
        folder = self.run_folder()
        if not moving:
            ImageWriter(folder, self._names).write(sample, picture)
            return
        if self.settings.save:
            if self._videos is None:
                self._videos = VideoWriter(folder, self._names, self.settings.vid_stride)
            self._videos.write(sample, picture)
        if self.settings.save_frames:
            FrameWriter(folder, self._names).write(sample, picture)

    def _write_labels(self, path: Path, result: Results) -> None:
        """Write a label file anew, even where `exist_ok` lets an older run's file stand in its place."""
        if path not in self._started_labels:
            path.unlink(missing_ok=True)
            self._started_labels.add(path)
        result.save_txt(path, save_conf=self.settings.save_conf)


def draw(result: Results, settings: PredictSettings) -> Picture:
    """Return the drawn picture (H, W, 3) uint8 BGR."""
    plot: Callable[..., Picture] = result.plot  # type: ignore[assignment]
    return plot(
        conf=settings.show_conf,
        line_width=settings.line_width,
        labels=settings.show_labels,
        boxes=settings.show_boxes,
    )
