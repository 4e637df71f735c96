"""Read the frames of a video file."""

import os
import sys
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import cv2

from posekit.errors import OutputError, UnreadableImageError
from posekit.files.magic import HEAD_BYTES, identify, list_formats, media_kind
from posekit.files.reading import read_bytes
from posekit.io.convert import from_array
from posekit.io.write import OutputNames
from posekit.log import LOGGER
from posekit.sample import Origin, Picture, Sample


def holds_video(path: Path) -> bool:
    """Tell whether a file is to be read as a video: by its content first, by its suffix where that says nothing.

    A GIF is a video when its suffix is one of a video, and a picture otherwise.

    Raises:
        SourceNotFoundError: there is no such file.
        UnreadableImageError: it may not be read.
    """
    content = identify(read_bytes(path, HEAD_BYTES))
    promised = media_kind(path) == "video"
    if content is None or content.kind == "other":
        return promised
    return content.kind == "video" or (promised and content.format == "GIF")


def check_video(path: Path) -> None:
    """Refuse what the decoder would choke on or take for something else, such as a playlist of other files.

    Raises:
        SourceNotFoundError: there is no such file.
        UnreadableImageError: the file is empty, no known kind of video, or an MP4 without its index.
    """
    head = read_bytes(path, HEAD_BYTES)
    if not head:
        raise UnreadableImageError(f"{path}: the file is empty (0 bytes)")
    content = identify(head)
    # The decoder guesses at what is unknown, and may find a playlist behind a few odd bytes.
    if content is None:
        raise UnreadableImageError(f"{path}: holds no known video format; readable are {list_formats()}")
    if content.kind == "other":
        raise UnreadableImageError(f"{path}: is {content.name}, not a video")
    if "QuickTime" in content.name:
        with path.open("rb") as file:
            if not _has_index(file):
                raise UnreadableImageError(f"{path}: the recording is cut short (its index, the moov box, is missing)")


def _has_index(file: BinaryIO) -> bool:
    """Look for a whole ``moov`` box on the top level of an MP4 or QuickTime file."""
    end = file.seek(0, os.SEEK_END)
    position = 0
    while position + 8 <= end:
        file.seek(position)
        header = file.read(16)
        size = int.from_bytes(header[:4], "big")
        if size == 1:
            size = int.from_bytes(header[8:16], "big")
        if header[4:8] == b"moov":
            return position + size <= end
        if size < 8:
            return False
        position += size
    return False


# Containers announce a number of frames that may be an estimate: a small difference is no damage.
_EXPECTED_SHARE = 0.98


def read_video(path: Path, *, index: int, count: int, vid_stride: int = 1) -> Generator[Sample, None, None]:
    """Yield frames 1, 1 + vid_stride, 1 + 2 * vid_stride, ... of a video, decoding as it goes.

    A video that breaks off yields what can be decoded, then one warning that tells how much came.

    Args:
        path: the file.
        index: its 1-based number among the files of the source.
        count: how many files the source has.
        vid_stride: of how many frames one is kept.

    Raises:
        SourceNotFoundError: there is no such file.
        UnreadableImageError: no frame can be decoded.
    """
    check_video(path)
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened():
            raise UnreadableImageError(f"{path}: cannot be decoded as a video")
        fps, frames = frame_rate(capture), _announced_frames(capture)
        number = 0
        while capture.grab():
            number += 1
            if (number - 1) % vid_stride:
                continue
            decoded, image = capture.retrieve()
            if decoded:
                origin = Origin(kind="video", index=index, count=count, frame=number, frames=frames, fps=fps)
                yield Sample(image=from_array(image), path=str(path), origin=origin)
    finally:
        capture.release()
    _report_end(path, number, frames)


def frame_rate(capture: cv2.VideoCapture) -> float | None:
    """Return frames per second as the container or camera says; None when it says nothing sensible."""
    fps = float(capture.get(cv2.CAP_PROP_FPS))
    return fps if 0 < fps <= 1000 else None


def _announced_frames(capture: cv2.VideoCapture) -> int | None:
    frames = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    return frames if frames > 0 else None


def _report_end(path: Path, came: int, announced: int | None) -> None:
    if came == 0:
        raise UnreadableImageError(f"{path}: no frame of the video can be decoded")
    if announced is not None and came < _EXPECTED_SHARE * announced:
        LOGGER.warning("%s: the video breaks off, %d of its %d announced frames could be read", path, came, announced)


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
