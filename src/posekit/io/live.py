"""Webcams, network streams and screens as a source: one batch holds the next frame of each."""

import threading
from collections import deque
from collections.abc import Generator, Sequence
from pathlib import Path

import cv2
import numpy as np

from posekit.errors import MissingExtraError, SourceNotFoundError, SourceValueError, UnreadableImageError
from posekit.files.download import is_url, mask_credentials
from posekit.files.reading import read_text
from posekit.io.decode import from_array
from posekit.io.source import Source
from posekit.log import LOGGER
from posekit.sample import Origin, Picture, Sample

# A camera that says nothing for this long is gone; also the longest that closing can take.
_TIMEOUT_MS = 10_000
_BUFFERED_FRAMES = 32
_WEBCAMS = 100
_FORMS = "write: screen, screen NUMBER, screen X Y WIDTH HEIGHT or screen NUMBER X Y WIDTH HEIGHT"


class LiveCapture:
    """A camera or stream whose frames are fetched as they arrive, so that none of them is stale.

    Attributes:
        name: the URL without its password, or the webcam's number.
        fps: frames per second as announced; None when unknown.

    Args:
        address: a URL, or the number of a webcam.
        vid_stride: of how many frames one is kept.
        keep_all: queue every frame, and let the stream wait while the queue is full; else only the newest is kept.

    Raises:
        SourceNotFoundError: nothing answers at that address.
    """

    def __init__(self, address: str | int, *, vid_stride: int, keep_all: bool) -> None:
        self.name = str(address) if isinstance(address, int) else mask_credentials(address)
        self._capture = _open(address, self.name)
        fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.fps = fps if 0 < fps <= 1000 else None
        self._stride = vid_stride
        self._keep_all = keep_all
        self._frames: deque[tuple[int, Picture]] = deque(maxlen=_BUFFERED_FRAMES if keep_all else 1)
        self._changed = threading.Condition()
        self._ended = False
        self._stopping = False
        self._thread = threading.Thread(target=self._read, name=f"posekit stream {self.name}", daemon=True)
        self._thread.start()

    def next(self) -> tuple[int, Picture] | None:
        """Wait for a frame that was not returned before: its 1-based number and its picture; None at the end."""
        with self._changed:
            while not self._frames and not self._ended:
                # With a limit the wait stays open to Ctrl-C on every system.
                self._changed.wait(1.0)
            if not self._frames:
                return None
            frame = self._frames.popleft()
            self._changed.notify_all()
            return frame

    def stop(self) -> None:
        """Tell the thread to end, without waiting for it."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def close(self) -> None:
        """End the thread and release the camera."""
        self.stop()
        self._thread.join()

    def _read(self) -> None:
        number = 0
        try:
            while not self._stopping and self._capture.grab():
                number += 1
                if (number - 1) % self._stride:
                    continue
                decoded, image = self._capture.retrieve()
                if decoded:
                    self._put(number, from_array(image))
        finally:
            self._capture.release()
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _put(self, number: int, image: Picture) -> None:
        with self._changed:
            while self._keep_all and len(self._frames) == _BUFFERED_FRAMES and not self._stopping:
                self._changed.wait()
            self._frames.append((number, image))
            self._changed.notify_all()


def _open(address: str | int, name: str) -> cv2.VideoCapture:
    if isinstance(address, int):
        # OpenCV crashes on some negative numbers, and takes larger ones for a choice of driver.
        if not 0 <= address < _WEBCAMS:
            raise SourceNotFoundError(
                f"webcam {name}: there is no such number, webcams are counted from 0; for a file write ./{name}"
            )
        capture = cv2.VideoCapture(address)
        told = f"webcam {name} cannot be opened: is it connected, free, and are you allowed to use it?"
    else:
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _TIMEOUT_MS]
        capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, limits)
        told = f"{name}: no stream can be read at this address"
    if not capture.isOpened():
        capture.release()
        raise SourceNotFoundError(told)
    return capture


class StreamSource(Source):
    """Live frames. Each batch has one frame of every stream that still runs; the end of all is the end.

    Streams read ahead by themselves, so that a `Prefetcher` would only add delay.

    Args:
        addresses: URLs, or numbers of webcams.
        vid_stride: of how many frames one is kept.
        stream_buffer: whether every frame is queued; else the newest is taken and what was missed is dropped.

    Raises (when iterated):
        SourceNotFoundError: nothing answers at one of the addresses.
        UnreadableImageError: no stream sent any frame.
    """

    live = True
    is_video = True

    def __init__(self, addresses: Sequence[str | int], *, vid_stride: int = 1, stream_buffer: bool = False) -> None:
        self.count = len(addresses)
        self._addresses = addresses
        self._vid_stride = vid_stride
        self._keep_all = stream_buffer

    def _batches(self) -> Generator[list[Sample], None, None]:
        captures: list[LiveCapture] = []
        try:
            for address in self._addresses:
                capture = LiveCapture(address, vid_stride=self._vid_stride, keep_all=self._keep_all)
                captures.append(capture)
            running = dict(enumerate(captures))
            batch = self._next_batch(running)
            if not batch:
                raise UnreadableImageError(f"{', '.join(c.name for c in captures)}: the stream ended without any frame")
            while batch:
                yield batch
                batch = self._next_batch(running)
        finally:
            for capture in captures:
                capture.stop()
            for capture in captures:
                capture.close()

    def _next_batch(self, running: dict[int, LiveCapture]) -> list[Sample]:
        """Take one frame of each running stream; those that have ended leave `running`."""
        batch = []
        for index, capture in list(running.items()):
            frame = capture.next()
            if frame is None:
                del running[index]
                LOGGER.info("%s: the stream has ended", capture.name)
                continue
            number, image = frame
            origin = Origin(kind="stream", index=index, count=self.count, frame=number, fps=capture.fps)
            batch.append(Sample(image=image, path=capture.name, origin=origin))
        return batch


def read_stream_list(path: Path) -> list[str | int]:
    """Return the addresses in a ``.streams`` file: one URL or webcam number per line.

    Raises:
        SourceNotFoundError: the file is missing or empty, or a line is neither.
    """
    addresses: list[str | int] = []
    for line in filter(None, map(str.strip, read_text(path).splitlines())):
        if not (line.isdecimal() or is_url(line)):
            raise SourceNotFoundError(f"{path}: {line!r} is neither a stream URL nor a webcam number")
        addresses.append(int(line) if line.isdecimal() else line)
    if not addresses:
        raise SourceNotFoundError(f"{path}: the list is empty; it must name one stream URL per line")
    return addresses


class ScreenSource(Source):
    """Screenshots without end, one per batch.

    Args:
        number: 0 for all screens together, 1 for the first, ...
        region: left, top, width and height in pixels of that screen; None for all of it.

    Raises (when iterated):
        MissingExtraError: the package that takes screenshots is missing.
        SourceNotFoundError: there is no display, or no such screen.
    """

    count = 1
    live = True
    is_video = True

    def __init__(self, number: int = 0, region: tuple[int, int, int, int] | None = None) -> None:
        self.number = number
        self.region = region

    def _batches(self) -> Generator[list[Sample], None, None]:
        try:
            import mss
            from mss.exception import ScreenShotError
        except ImportError as error:
            raise MissingExtraError("Screenshots", "screen", "mss") from error
        try:
            with mss.MSS() as camera:
                area = self._area(camera.monitors)
                frame = 0
                while True:
                    frame += 1
                    image = from_array(np.asarray(camera.grab(area)))
                    origin = Origin(kind="stream", index=0, count=1, frame=frame)
                    yield [Sample(image=image, path=str(self.number), origin=origin)]
        except ScreenShotError as error:
            raise SourceNotFoundError(f"screen {self.number}: no screenshot can be taken ({error})") from error

    def _area(self, monitors: list[dict[str, int]]) -> dict[str, int]:
        if self.number >= len(monitors):
            raise SourceNotFoundError(f"screen {self.number}: there are only screens 0 (all) to {len(monitors) - 1}")
        monitor = monitors[self.number]
        if self.region is None:
            return monitor
        left, top, width, height = self.region
        return {"left": monitor["left"] + left, "top": monitor["top"] + top, "width": width, "height": height}


def parse_screen(text: str) -> ScreenSource:
    """Read ``screen``, ``screen 1``, ``screen 100 50 640 480`` or ``screen 0 100 50 640 480``."""
    try:
        numbers = [int(word) for word in text.split()[1:]]
    except ValueError as error:
        raise SourceValueError(f"source {text!r} is no screen: {_FORMS}") from error
    if len(numbers) not in (0, 1, 4, 5) or any(n < 0 for n in numbers) or (len(numbers) > 1 and 0 in numbers[-2:]):
        raise SourceValueError(f"source {text!r} is no screen: {_FORMS}")
    number = numbers[0] if len(numbers) in (1, 5) else 0
    if len(numbers) < 4:
        return ScreenSource(number)
    left, top, width, height = numbers[-4:]
    return ScreenSource(number, (left, top, width, height))
