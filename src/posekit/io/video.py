"""Video files, by PyAV: frames read one by one, and drawn frames written as H.264 that browsers play."""

import contextlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import cv2
import numpy as np

from posekit.errors import OutputError, UnreadableImageError
from posekit.files.magic import HEAD_BYTES, identify, list_formats, media_kind
from posekit.files.reading import read_bytes
from posekit.files.writing import naming_errors
from posekit.io.decode import from_array
from posekit.io.write import OutputNames
from posekit.log import LOGGER
from posekit.sample import Origin, Picture, Sample

if TYPE_CHECKING:
    from av import VideoFrame, VideoStream
    from av.container import InputContainer, OutputContainer

# Containers announce a number of frames that may be an estimate: a small difference is no damage.
_EXPECTED_SHARE = 0.98

_DEFAULT_FPS = 30.0
_SLOWEST = Fraction(1, 1000)
# Hardly a loss to be seen, at the speed of drawing. The index first: a browser plays while it loads.
_ENCODING = {"crf": "18", "preset": "veryfast"}
_CONTAINER = {"movflags": "+faststart"}


def holds_video(path: Path) -> bool:
    """Tell whether a file is to be read as a video: by its content first, by its suffix where that says nothing.

    A GIF is a video when its suffix is one of a video, and a picture otherwise.
    """
    content = identify(read_bytes(path, HEAD_BYTES))
    promised = media_kind(path) == "video"
    if content is None or content.kind == "other":
        return promised
    return content.kind == "video" or (promised and content.format == "GIF")


def check_video(path: Path) -> None:
    """Refuse what the decoder would take for something else, such as a playlist of other files."""
    head = read_bytes(path, HEAD_BYTES)
    if not head:
        raise UnreadableImageError(f"{path}: the file is empty (0 bytes)")
    content = identify(head)
    # The decoder guesses at what is unknown, and may find a playlist behind a few odd bytes.
    if content is None:
        raise UnreadableImageError(f"{path}: holds no known video format; readable are {list_formats()}")
    if content.kind == "other":
        raise UnreadableImageError(f"{path}: is {content.name}, not a video")


def read_video(path: Path, *, index: int, count: int, vid_stride: int = 1) -> Generator[Sample, None, None]:
    """Yield frames 1, 1 + vid_stride, 1 + 2 * vid_stride, ... of a video, turned upright, decoding as it goes.

    A video that breaks off yields what can be decoded, then one warning that tells how much came. `index` is the
    1-based number of the file among the `count` of its source.

    Raises:
        SourceNotFoundError: there is no such file.
        UnreadableImageError: no frame can be decoded.
    """
    import av

    check_video(path)
    try:
        container = av.open(str(path), metadata_errors="replace")
    except av.FFmpegError as error:
        raise UnreadableImageError(f"{path}: the recording is cut short or damaged ({error.strerror})") from error
    with container:
        stream = container.streams.best("video")
        # A coder that the decoder does not know leaves no context.
        if not isinstance(stream, av.VideoStream) or not stream.codec_context:
            raise UnreadableImageError(f"{path}: cannot be decoded as a video")
        fps, frames = _announced(container, stream)
        number = 0
        for frame in _decoded(container, stream):
            number += 1
            if (number - 1) % vid_stride:
                continue
            image = np.rot90(frame.to_ndarray(format="bgr24"), frame.rotation // 90)
            origin = Origin(kind="video", index=index, count=count, frame=number, frames=frames, fps=fps)
            yield Sample(image=from_array(image), path=str(path), origin=origin)
    if not number:
        raise UnreadableImageError(f"{path}: no frame of the video can be decoded")
    if frames and number < _EXPECTED_SHARE * frames:
        LOGGER.warning("%s: the video breaks off, %d of its %d announced frames could be read", path, number, frames)


def _announced(container: "InputContainer", stream: "VideoStream") -> tuple[float | None, int | None]:
    """Return frames per second and the number of frames as the file tells them; None for what it does not tell."""
    import av

    fps = float(stream.guessed_rate or stream.average_rate or 0)
    frames = stream.frames or round((container.duration or 0) / av.time_base * fps)
    return fps if 0 < fps <= 1000 else None, frames if frames > 0 else None


def _decoded(container: "InputContainer", stream: "VideoStream") -> "Iterator[VideoFrame]":
    """Yield every frame that can be decoded: damaged parts are left out, and `read_video` tells how much came."""
    import av

    stream.thread_type = "AUTO"
    with contextlib.suppress(av.FFmpegError):
        for packet in container.demux(stream):
            with contextlib.suppress(av.FFmpegError):
                yield from packet.decode()
    # Where the file broke off the decoder holds frames still; else it says that it has come to its end.
    with contextlib.suppress(av.FFmpegError):
        yield from stream.codec_context.decode(None)


@dataclass
class _OpenVideo:
    """A file that frames are being added to, all of one size (width, height); `count` of them so far."""

    container: "OutputContainer"
    stream: "VideoStream"
    path: Path
    size: tuple[int, int]
    count: int = 0

    def write(self, image: Picture | None) -> bool:
        """Add a frame, or finish the file; False when that failed, and the file was deleted."""
        import av

        try:
            self.container.mux(self.stream.encode(None if image is None else self._frame(image)))
            if image is None:
                self.container.close()
        except av.FFmpegError:
            with contextlib.suppress(av.FFmpegError):
                self.container.close()
            self.path.unlink(missing_ok=True)
            return False
        return True

    def _frame(self, image: Picture) -> "VideoFrame":
        import av

        width, height = self.size
        if (image.shape[1], image.shape[0]) != self.size:
            image = np.asarray(cv2.resize(image, self.size), np.uint8)
        if width % 2 or height % 2:  # which the format cannot hold
            edge = (0, height % 2, 0, width % 2)
            image = np.asarray(cv2.copyMakeBorder(image, *edge, cv2.BORDER_REPLICATE), np.uint8)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
        frame.pts, frame.time_base = self.count, self.stream.codec_context.time_base
        self.count += 1
        return frame


class VideoWriter:
    """Saves ``<folder>/<stem>.mp4`` (H.264), one per video or stream.

    A file is opened at its first frame and closed when the next video starts; streams stay open side by side.
    A frame of another size than the first is scaled to it; an odd side gets one more row or column.

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
            OutputError: a file cannot be opened for writing, or not be written on; what there was of it is deleted.
        """
        stem = self._names.stem(sample)
        if stem not in self._open:
            if sample.origin.kind == "video":
                self.close()
            self._open[stem] = self._start(stem, image, sample.origin.fps or _DEFAULT_FPS)
        video = self._open[stem]
        if not video.write(image):
            del self._open[stem]
            raise _cut_short([video])
        return video.path

    def close(self) -> None:
        """Finish all files; harmless when repeated.

        Raises:
            OutputError: a file lacks frames, and was deleted; the others are finished all the same.
        """
        videos = list(self._open.values())
        self._open.clear()
        broken = [video for video in videos if not video.write(None)]
        if broken:
            raise _cut_short(broken)

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self, stem: str, image: Picture, fps: float) -> _OpenVideo:
        import av

        path = self.folder / f"{stem}.mp4"
        height, width = image.shape[:2]
        rate = max(Fraction(fps / self._vid_stride).limit_denominator(1001), _SLOWEST)
        with naming_errors(f"{path}:"):
            self.folder.mkdir(parents=True, exist_ok=True)
        try:
            container = av.open(str(path), "w", options=_CONTAINER)
            stream = container.add_stream("h264", rate=rate, options=_ENCODING)
            stream.width, stream.height, stream.pix_fmt = width + width % 2, height + height % 2, "yuv420p"
            stream.codec_context.colorspace = av.video.reformatter.Colorspace.ITU601  # as the frames are converted
            container.start_encoding()
        except av.FFmpegError as error:
            told = f"no video of {width}x{height} pixels can be written there; is the disk full?"
            raise OutputError(f"{path}: {told}") from error
        return _OpenVideo(container, stream, path, (width, height))


def _cut_short(videos: list[_OpenVideo]) -> OutputError:
    names = ", ".join(str(video.path) for video in videos)
    return OutputError(f"{names}: the video could not be written to its end, and was deleted; is the disk full?")
