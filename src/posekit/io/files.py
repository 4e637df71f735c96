"""Find the picture and video files that a path, folder, pattern or list names."""

import csv
import difflib
import glob
from pathlib import Path

from posekit.errors import SourceNotFoundError, SourceValueError
from posekit.io.binary import read_text
from posekit.io.formats import IMAGE_SUFFIXES, VIDEO_SUFFIXES, list_formats, media_kind
from posekit.io.pattern import expand_pattern
from posekit.io.urls import is_url

LIST_SUFFIXES = frozenset({".txt", ".csv"})


def exists(name: str | Path) -> bool:
    """Tell whether a file or folder of that name exists; False for what can be no name at all."""
    try:
        return Path(name).expanduser().exists()
    except (OSError, ValueError):
        return False


def find_files(source: str | Path) -> list[Path | str]:
    """List the files that a source names.

    Args:
        source: a file; a folder (its pictures, then its videos, each sorted; neither hidden files
            nor folders within); a pattern with ``*``
            (``**`` recursive); or a ``.txt`` or ``.csv`` list.

    Returns:
        At least one absolute path or (from lists) URL.

    Raises:
        SourceNotFoundError: nothing of that name exists, or there is no picture or video in it.
        SourceValueError: a list that is no text.
        UnreadableImageError: a list that may not be read.
    """
    path = Path(source).expanduser()
    if not exists(path):
        if glob.has_magic(str(source)):
            return _find_by_pattern(path)
        raise SourceNotFoundError(_not_found(path))
    if path.is_dir():
        return _list_folder(path)
    return _read_list(path) if path.suffix.lower() in LIST_SUFFIXES else [path.absolute()]


def _list_folder(folder: Path) -> list[Path | str]:
    files = [path for path in _members(folder.absolute()) if path.is_file() and not path.name.startswith(".")]
    found: list[Path | str] = []
    for suffixes in (IMAGE_SUFFIXES, VIDEO_SUFFIXES):
        found += [path for path in files if path.suffix.lower() in suffixes]
    if not found:
        raise SourceNotFoundError(f"{folder}: the folder holds no {list_formats()}")
    return found


def _members(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise SourceNotFoundError(f"{folder}: the folder cannot be read ({error.strerror})") from error


def _find_by_pattern(pattern: Path) -> list[Path | str]:
    paths = expand_pattern(pattern.absolute())
    found: list[Path | str] = [path for path in paths if media_kind(path) and path.is_file()]
    if not found:
        raise SourceNotFoundError(f"{pattern}: the pattern matches no {list_formats()}")
    return found


def _read_list(path: Path) -> list[Path | str]:
    entries = _entries(path)
    if not entries:
        raise SourceNotFoundError(f"{path}: the list is empty; it must name {list_formats()}")
    return [entry if is_url(entry) else _locate(entry, path) for entry in entries]


def _entries(path: Path) -> list[str]:
    """Return the non-empty lines of a text list, or the ``source`` (else the first) column of a CSV."""
    text = read_text(path)
    if path.suffix.lower() == ".txt":
        return [line.strip() for line in text.splitlines() if line.strip()]
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if row]
    except csv.Error as error:
        raise SourceValueError(f"{path}: the list is no CSV ({error})") from error
    column = 0
    if rows and "source" in (header := [cell.lower() for cell in rows[0]]):
        column = header.index("source")
        rows = rows[1:]
    return [row[column] for row in rows if len(row) > column and row[column]]


def _locate(entry: str, list_file: Path) -> Path:
    path = Path(entry).expanduser()
    for candidate in (path, list_file.parent / path):
        if exists(candidate):
            return candidate.absolute()
    raise SourceNotFoundError(
        f"{list_file}: its entry {entry} exists neither in the working directory nor beside the list"
    )


def _not_found(path: Path) -> str:
    folder = path.absolute().parent
    if not exists(folder):
        return f"{path}: no such file or folder (there is no folder {folder} either)"
    if not folder.is_dir():
        return f"{path}: no such file ({folder} is no folder)"
    others = [other.name for other in _members(folder)]
    if path.name in others:
        return f"{path}: is a link to a place that does not exist"
    near = difflib.get_close_matches(path.name, others, n=3)
    return f"{path}: no such file or folder" + (f"; near names: {', '.join(near)}" if near else "")
