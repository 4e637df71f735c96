"""`Written`: what a converter wrote and left out; pictures linked or copied."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

from posekit.errors import DatasetError, UnknownChoiceError
from posekit.files.problems import Problem
from posekit.files.writing import FreeNames, replace_unsafe

PictureTransfer = Literal["link", "copy", "none"]


@dataclass(frozen=True, kw_only=True)
class Written:
    """The outcome of a conversion.

    Attributes:
        path: the file to name in ``data=``: a dataset YAML, or a COCO JSON file.
        pictures: how many pictures were written or listed.
        objects: how many objects were written.
        problems: everything that was left out or changed on the way, reading included.
    """

    path: Path
    pictures: int
    objects: int
    problems: tuple[Problem, ...] = ()

    @property
    def left_out(self) -> int:
        """How many objects were left out."""
        return sum(problem.objects for problem in self.problems)


def require_pictures(count: int, problems: Sequence[Problem]) -> None:
    """Refuse a data set without pictures, and say why the first was left out."""
    if count:
        return
    reason = next((f", the first because: {problem}" for problem in problems if problem.picture), "")
    raise DatasetError(f"no picture can be written{reason}")


def check_transfer(how: str) -> None:
    """Refuse a choice that is none of how pictures are brought along."""
    if how not in get_args(PictureTransfer):
        raise UnknownChoiceError(f"pictures={how!r} is none of {', '.join(get_args(PictureTransfer))}")


def bring_picture(source: Path, target: Path, how: PictureTransfer) -> None:
    """Put a picture at `target`, where nothing is yet; missing folders are made.

    "link" makes a hard link, which takes no space, and copies where the file system has no such links.
    """
    if how == "none":
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    source = source.resolve()  # of a symbolic link the picture, not the link
    if how == "link":
        try:
            os.link(source, target)
        except OSError:  # another disk, or a file system without hard links
            shutil.copyfile(source, target)
    else:
        shutil.copyfile(source, target)


class PictureNames:
    """Gives each picture of one split its path below ``images/<split>``.

    Folders of the original name stay, except those that would lead out of the data set and those called ``images``:
    the label file of a picture is found by replacing the last ``images`` of its path. No two pictures differ only in
    their suffix, as both would have the same label file.
    """

    def __init__(self) -> None:
        self._names = FreeNames()

    def claim(self, file_name: str) -> PurePosixPath:
        """Return a relative path for a name in annotations; no other picture gets the same stem."""
        parts = [replace_unsafe(part) for part in file_name.split("/")]
        parts = [part for part in parts[:-1] if part not in ("", ".", "..", "images")] + parts[-1:]
        wanted = PurePosixPath(*parts)
        return PurePosixPath(f"{self._names.claim(str(wanted.with_suffix('')))}{wanted.suffix}")
