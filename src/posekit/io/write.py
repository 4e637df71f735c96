"""What a run's files are called, and drawn pictures and frames saved as JPEG."""

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


class PictureWriter:
    """Saves drawn pictures as ``<folder>/<stem>.jpg``, and frame n as ``<folder>/<stem>_frames/<stem>_<n>.jpg``.

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
        stem, frame = self._names.stem(sample), sample.origin.frame
        path = self.folder / (f"{stem}.jpg" if frame is None else f"{stem}_frames/{stem}_{frame}.jpg")
        write_picture(path, image)
        return path
