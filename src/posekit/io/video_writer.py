"""Save drawn frames as a video."""

import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import cv2

from posekit.errors import OutputError
from posekit.io.names import OutputNames
from posekit.sample import Picture, Sample

_DEFAULT_FPS = 30.0


@dataclass
class _OpenVideo:
    """A file that frames are being added to, all of one size (width, height); `count` of them so far."""

    writer: cv2.VideoWriter
    path: Path
    size: tuple[int, int]
    count: int = 0


class VideoWriter:
    """Saves ``<folder>/<stem>.avi`` (Motion JPEG; ``.mp4`` on macOS), one per video or stream.

    A file is opened at its first frame and closed when the next video starts; streams stay open side by side.
    A frame of another size than the first is scaled to it.

    Args:
        folder: made when the first frame is saved.
        names: shared by all writers of the run.
        vid_stride: of how many frames the source keeps one: the saved video runs at fps / vid_stride.
    """

    def __init__(self, folder: Path, names: OutputNames, vid_stride: int = 1) -> None:
        self.folder = folder
        self._names = names
        self._vid_stride = vid_stride
        self._open: dict[str, _OpenVideo] = {}

    def write(self, sample: Sample, image: Picture) -> Path:
        """Add a frame drawn from `sample`, (H, W, 3) uint8 BGR, to its video and return the file's path.

        Raises:
            OutputError: the file cannot be opened for writing, or the one before it is not whole.
        """
        stem = self._names.stem(sample)
        if stem not in self._open:
            if sample.origin.kind == "video":
                self.close()
            self._open[stem] = self._start(stem, image, sample.origin.fps or _DEFAULT_FPS)
        video = self._open[stem]
        fits = (image.shape[1], image.shape[0]) == video.size
        video.writer.write(image if fits else cv2.resize(image, video.size))
        video.count += 1
        return video.path

    def close(self) -> None:
        """Finish all files; harmless when repeated.

        Raises:
            OutputError: a file lacks frames, and was deleted; the others are finished all the same.
        """
        videos = list(self._open.values())
        self._open.clear()
        for video in videos:
            video.writer.release()
        broken = [video for video in videos if not _is_whole(video)]
        for video in broken:
            video.path.unlink(missing_ok=True)
        if broken:
            names = ", ".join(str(video.path) for video in broken)
            raise OutputError(f"{names}: the video could not be written to its end, and was deleted; is the disk full?")

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self, stem: str, image: Picture, fps: float) -> _OpenVideo:
        suffix, codec = container()
        path = self.folder / f"{stem}{suffix}"
        size = (image.shape[1], image.shape[0])
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror})") from error
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps / self._vid_stride, size)
        if not writer.isOpened():
            raise OutputError(f"{path}: no video of {size[0]}x{size[1]} pixels can be written there; is the disk full?")
        return _OpenVideo(writer, path, size)


def _is_whole(video: _OpenVideo) -> bool:
    """Tell whether a finished file has all of its frames: OpenCV reports no failure of a write."""
    capture = cv2.VideoCapture(str(video.path))
    try:
        return int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) >= video.count
    finally:
        capture.release()


def container() -> tuple[str, str]:
    """Return suffix and codec of saved videos: what the system can play without more software."""
    return (".mp4", "avc1") if sys.platform == "darwin" else (".avi", "MJPG")
