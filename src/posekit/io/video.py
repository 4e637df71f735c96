"""Read the frames of a video file."""

from collections.abc import Generator
from pathlib import Path

import cv2

from posekit.errors import UnreadableImageError
from posekit.io.convert import from_array
from posekit.io.video_check import check_video
from posekit.log import LOGGER
from posekit.sample import Origin, Sample

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
