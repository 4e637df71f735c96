"""Replaces a file in one step, so that nobody ever sees half a file under its name."""

import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from posekit.errors import OutputError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to; at the end it takes the place of `path`.

    Missing folders are made. When the block raises, the temporary file is removed and whatever was
    at `path` stays as it was.

    Args:
        path: the file to write or replace.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid4().hex[:12]}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_durably(path: Path) -> Iterator[Path]:
    """As `replacing`; besides, the content is on disk before the name points at it, so it survives a power cut."""
    with replacing(path) as temporary:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())


def write_whole(path: str | Path, data: bytes) -> None:
    """Put bytes at `path` in one step; folders are made.

    Raises:
        OutputError: the file cannot be written.
    """
    path = Path(path)
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Give a temporary folder beside `folder` to fill; rename it to `folder` when the block ends well.

    When the block raises, the temporary folder is removed and `folder` stays as it was.

    Args:
        folder: the folder to make; it may exist if it is empty. Missing parents are made.

    Raises:
        OutputError: `folder` exists and is not an empty folder, is the working directory, or cannot be written;
            nothing was changed.
    """
    folder = folder.resolve()
    try:
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            raise OutputError(f"{folder} already holds something: name a new or an empty folder, or remove it first")
        if folder == Path.cwd():
            raise OutputError(f"{folder} is the folder you are in, and would be replaced: name a new folder in it")
        with _draft(folder) as draft:
            yield draft
            if folder.exists():
                folder.rmdir()
            draft.rename(folder)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"{folder} cannot be written ({error.strerror or error})") from error


@contextmanager
def _draft(folder: Path) -> Iterator[Path]:
    """Make a folder beside `folder`; it is gone afterwards, unless it was renamed."""
    draft = folder.with_name(f".{folder.name}.unfinished-{os.getpid()}")
    draft.mkdir(parents=True)
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


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
