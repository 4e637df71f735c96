"""Save drawn pictures, and single frames of videos, as JPEG files."""

import re
from pathlib import Path

from posekit.files.pictures import write_picture
from posekit.files.writing import FreeNames, safe_name
from posekit.sample import Picture, Sample

_CREDENTIALS = re.compile(r"^[^/@]*@")


class OutputNames:
    """Gives each picture, video or stream of one run its stem: that of its file, with -2, -3, ... when repeated.

    All writers of a run share one object, so that a picture and its label file have the same name.
    """

    def __init__(self) -> None:
        self._by_source: dict[tuple[str, int, str], str] = {}
        self._names = FreeNames()

    def stem(self, sample: Sample) -> str:
        """Return the stem for a sample; the frames of one video share theirs."""
        key = (sample.origin.kind, sample.origin.index, sample.path)
        if key not in self._by_source:
            self._by_source[key] = self._names.claim(safe_stem(sample.path, is_stream=sample.origin.kind == "stream"))
        return self._by_source[key]


def safe_stem(path: str, *, is_stream: bool = False) -> str:
    """Return a file stem that cannot leave its folder.

    Args:
        path: a file's path, or a stream's URL or number.
        is_stream: whether all of `path` is kept, as different streams often end alike.
    """
    if is_stream:
        name = _CREDENTIALS.sub("", path.partition("://")[2] or path)
    else:
        name = re.split(r"[/\\]", path)[-1]
        name = name.rpartition(".")[0] or name
    return safe_name(name)


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
        write_picture(path, image)
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
        write_picture(path, image)
        return path
