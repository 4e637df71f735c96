"""Save drawn pictures, and single frames of videos, as JPEG files."""

from pathlib import Path

import cv2

from posekit.errors import OutputError
from posekit.files.whole_file import write_whole
from posekit.io.names import OutputNames
from posekit.sample import Picture, Sample

# The JPEG format holds no longer side.
_MAX_SIDE = 65_500


class ImageWriter:
    """Saves ``<folder>/<stem>.jpg``, one per picture.

    Args:
        folder: made when the first picture is saved.
        names: shared by all writers of the run.
    """

    def __init__(self, folder: Path, names: OutputNames) -> None:
        self.folder = folder
        self._names = names

    def write(self, sample: Sample, image: Picture) -> Path:
        """Save a picture drawn from `sample`, (H, W, 3) uint8 BGR, and return its path.

        Raises:
            OutputError: it cannot be encoded or written.
        """
        path = self.folder / f"{self._names.stem(sample)}.jpg"
        save_jpeg(path, image)
        return path


class FrameWriter:
    """Saves ``<folder>/<stem>_frames/<stem>_<n>.jpg``, one per frame n of each video or stream.

    Args:
        folder: made when the first frame is saved.
        names: shared by all writers of the run.
    """

    def __init__(self, folder: Path, names: OutputNames) -> None:
        self.folder = folder
        self._names = names

    def write(self, sample: Sample, image: Picture) -> Path:
        """Save a frame drawn from `sample`, (H, W, 3) uint8 BGR, and return its path.

        Raises:
            OutputError: it cannot be encoded or written.
        """
        stem = self._names.stem(sample)
        path = self.folder / f"{stem}_frames" / f"{stem}_{sample.origin.frame or 1}.jpg"
        save_jpeg(path, image)
        return path


def save_jpeg(path: Path, image: Picture) -> None:
    """Write a BGR picture as JPEG; a reader sees the whole file or none.

    Raises:
        OutputError: a side is too long for JPEG, or the file cannot be written.
    """
    height, width = image.shape[:2]
    if max(height, width) > _MAX_SIDE:
        raise OutputError(f"{path}: {width}x{height} pixels do not fit into a JPEG, whose longest side is {_MAX_SIDE}")
    encoded, data = cv2.imencode(".jpg", image)
    if not encoded:
        raise OutputError(f"{path}: the picture cannot be encoded as JPEG")
    write_whole(path, data.tobytes())
