"""Numbered output folders: predict, predict2, predict3, ..."""

import itertools
from collections.abc import Iterator
from pathlib import Path

from posekit.errors import OutputError


def make_run_folder(base: Path, name: str, exist_ok: bool = False) -> Path:
    """Make a folder for a run and return it; two runs that start together get one each.

    Args:
        base: the folder of all runs, such as ``runs/pose``.
        name: name of the run, such as ``predict``.
        exist_ok: whether ``base/name`` itself is used even when it exists.

    Returns:
        ``base/name`` if that is free (or `exist_ok`), else the first free of ``name2``, ``name3``, ...

    Raises:
        OutputError: it cannot be made.
    """
    folder = base / name
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if exist_ok:
            folder.mkdir(exist_ok=True)
            return folder
        return next(candidate for candidate in _candidates(base, name) if _make(candidate))
    except OSError as error:
        raise OutputError(f"{folder}: the folder of results cannot be made ({error.strerror})") from error


def _make(folder: Path) -> bool:
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    return True


def _candidates(base: Path, name: str) -> Iterator[Path]:
    yield base / name
    for number in itertools.count(2):
        yield base / f"{name}{number}"
