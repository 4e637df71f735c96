"""Webcams and network streams as a source: one batch holds the next frame of each."""

from collections.abc import Generator, Sequence
from pathlib import Path

from posekit.errors import SourceNotFoundError, UnreadableImageError
from posekit.io.base import Source
from posekit.io.binary import read_text
from posekit.io.live_capture import LiveCapture
from posekit.io.urls import is_url
from posekit.log import LOGGER
from posekit.sample import Origin, Sample


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
        SourceValueError: the file is not UTF-8 text.
        UnreadableImageError: the file may not be read.
    """
    addresses: list[str | int] = []
    for line in filter(None, map(str.strip, read_text(path).splitlines())):
        if not (line.isdecimal() or is_url(line)):
            raise SourceNotFoundError(f"{path}: {line!r} is neither a stream URL nor a webcam number")
        addresses.append(int(line) if line.isdecimal() else line)
    if not addresses:
        raise SourceNotFoundError(f"{path}: the list is empty; it must name one stream URL per line")
    return addresses
