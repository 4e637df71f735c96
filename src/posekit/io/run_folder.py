"""Numbered output folders: predict, predict2, predict3, ..."""

import itertools
from collections.abc import Iterator
from pathlib import Path


def next_run_folder(base: Path, name: str, exist_ok: bool = False) -> Path:
    """Return the folder that the next run would write to, without making it.

    Args:
        base: the folder of all runs, such as ``runs/pose``.
        name: name of the run, such as ``predict``.
        exist_ok: whether ``base/name`` itself is used even when it exists.

    Returns:
        ``base/name`` if that is free (or `exist_ok`), else the first free of ``name2``, ``name3``, ...
    """
    if exist_ok:
        return base / name
    return next(folder for folder in _candidates(base, name) if not folder.exists())


def make_run_folder(base: Path, name: str, exist_ok: bool = False) -> Path:
    """Make the folder of `next_run_folder` and return it; two runs that start together get one each."""
    if exist_ok:
        (base / name).mkdir(parents=True, exist_ok=True)
        return base / name
    return next(folder for folder in _candidates(base, name) if _make(folder))


def _make(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return False
    return True


def _candidates(base: Path, name: str) -> Iterator[Path]:
    yield base / name
    for number in itertools.count(2):
        yield base / f"{name}{number}"
