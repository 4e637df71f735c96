"""Read one webcam or network stream in a thread of its own."""

import threading
from collections import deque

import cv2

from posekit.errors import SourceNotFoundError
from posekit.io.convert import from_array
from posekit.io.urls import mask_credentials
from posekit.io.video import frame_rate
from posekit.sample import Picture

# A camera that says nothing for this long is gone; also the longest that closing can take.
_TIMEOUT_MS = 10_000
_BUFFERED_FRAMES = 32
_WEBCAMS = 100


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
        self.fps = frame_rate(self._capture)
        self._stride = vid_stride
        self._keep_all = keep_all
        self._frames: deque[tuple[int, Picture]] = deque(maxlen=_BUFFERED_FRAMES if keep_all else 1)
        self._changed = threading.Condition()
        self._ended = False
        self._stopping = False
        self._thread = threading.Thread(target=self._read, name=f"posekit stream {self.name}", daemon=True)
        self._thread.start()

    def next(self) -> tuple[int, Picture] | None:
        """Wait for a frame that was not returned before.

        Returns:
            Its 1-based number and its (H, W, 3) uint8 BGR pixels; None at the end of the stream.
        """
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
