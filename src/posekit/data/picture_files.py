"""Which pictures a split of a data set names, and where the label file of a picture lies."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from posekit.errors import DatasetNotFoundError, PosekitError, SettingError
from posekit.io.binary import read_text
from posekit.io.formats import IMAGE_SUFFIXES

T = TypeVar("T")


def list_pictures(places: Sequence[Path], fraction: float = 1.0) -> list[Path]:
    """List the picture files of folders and text lists, sorted by path.

    Args:
        places: folders (with all folders within; hidden files and folders are passed over), text lists with one
            path per line (``./`` and paths that do not exist from the working directory count from the list's
            folder), or single pictures. Only files with the suffix of a picture count.
        fraction: the first part of them to take: up to 1.0 a share, a whole number above 1 a count.

    Returns:
        At least one path. That the entries of a list exist is not checked here.

    Raises:
        DatasetNotFoundError: a place does not exist, cannot be read, or names no picture.
        SettingError: a fraction that is neither a share nor a count.
    """
    return [Path(name) for name in share(sorted(name for place in places for name in _pictures_of(place)), fraction)]


def share(items: Sequence[T], fraction: float) -> tuple[T, ...]:
    """Return the first items, at least one: up to 1.0 a share of them, for a whole number above 1 a count.

    Raises:
        SettingError: a fraction that is neither.
    """
    if isinstance(fraction, int) and fraction > 1:
        return tuple(items[:fraction])
    if not 0 < fraction <= 1:
        raise SettingError(
            f"fraction={fraction}: expected a share above 0 and up to 1.0, or a whole number of pictures"
        )
    return tuple(items[: max(round(len(items) * fraction), 1)])


def label_path(picture: Path) -> Path:
    """Return where the label file of a picture lies: in ``labels`` for the last folder ``images``, else beside it."""
    return Path(label_file_name(str(picture)))


def label_file_name(picture: str) -> str:
    """Return the same as `label_path`, for names of files."""
    folder, name = os.path.split(picture)
    before, images, after = f"{folder}{os.sep}".rpartition(f"{os.sep}images{os.sep}")
    if images:
        folder = f"{before}{os.sep}labels{os.sep}{after}"
    return os.path.join(folder, f"{os.path.splitext(name)[0]}.txt")  # noqa: PTH118, PTH122 - many files: text is faster


def _pictures_of(place: Path) -> list[str]:
    if place.is_dir():
        found = [name for name in _walk(str(place), set()) if _is_picture(name)]
    elif not place.exists():
        raise DatasetNotFoundError(f"{place}: no such file or folder")
    elif _is_picture(place.name):
        found = [str(place)]
    else:
        found = [name for name in _entries(place) if _is_picture(name)]
    if not found:
        kind = "folder holds" if place.is_dir() else "list names"
        suffixes = " ".join(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES))
        raise DatasetNotFoundError(f"{place}: the {kind} no picture; pictures end in one of {suffixes}")
    return found


def _is_picture(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES  # noqa: PTH122 - as above


def _walk(folder: str, above: set[tuple[int, int]]) -> Iterator[str]:
    """Yield all files below `folder`, through links too; `above` are the folders on the way, against circles."""
    try:
        status = os.stat(folder)  # noqa: PTH116 - as above
        entries = [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
    except OSError as error:
        raise DatasetNotFoundError(f"{folder}: the folder cannot be read ({error.strerror})") from error
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    for entry in entries:
        if _is_folder(entry):
            yield from _walk(entry.path, above | {here})
        else:
            yield entry.path


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself: what is wrong with it is said where it is opened
        return False


def _entries(place: Path) -> list[str]:
    """Return the paths that a text list names."""
    try:
        lines = [line.strip() for line in read_text(place).splitlines()]
    except PosekitError as error:
        raise DatasetNotFoundError(
            f"{error}; a split is a folder of pictures or a text file that lists them"
        ) from error
    return [_located(line, place.parent) for line in lines if line]


def _located(entry: str, folder: Path) -> str:
    if entry.startswith("./") or not os.path.lexists(entry):
        return str(folder / entry)
    return str(Path(entry).absolute())
