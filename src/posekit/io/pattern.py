"""Expand a file name pattern, however the folders below are linked with each other."""

import glob
import os
from collections.abc import Iterator
from pathlib import Path

_ANY_DEPTH = "**"


def expand_pattern(pattern: Path) -> list[Path]:
    """Return the sorted paths that match a pattern of ``*``, ``?``, ``[...]`` and ``**`` (folders at any depth).

    Hidden files and folders match only where the pattern spells their dot. Links to folders are followed, but
    ``**`` comes to each folder once: links that lead in circles would yield the same files without end.
    """
    return sorted(_expand(pattern))


def _expand(pattern: Path) -> set[Path]:
    parts = pattern.parts
    if _ANY_DEPTH not in parts:
        return {Path(name) for name in glob.glob(str(pattern))}  # noqa: PTH207 - Path.glob takes no absolute pattern
    depth = parts.index(_ANY_DEPTH)
    rest = Path(*(parts[depth + 1 :] or "*"))
    folders = (folder for base in _expand(Path(*parts[:depth])) for folder in _folders(base))
    return {path for folder in folders for path in _expand(Path(glob.escape(str(folder))) / rest)}


def _folders(base: Path) -> Iterator[Path]:
    """Yield `base` and every folder below it that is not hidden."""
    seen = set()
    for name, subfolders, _ in os.walk(base, followlinks=True):
        status = Path(name).stat()
        place = (status.st_dev, status.st_ino)
        subfolders[:] = [] if place in seen else sorted(name for name in subfolders if not name.startswith("."))
        if place not in seen:
            seen.add(place)
            yield Path(name)
