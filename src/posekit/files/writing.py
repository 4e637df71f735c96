"""Write a file or a folder whole or not at all, under a name that is safe and free."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from uuid import uuid4

from posekit.errors import OutputError

_UNSAFE = re.compile(r'[\x00-\x1f<>:"/\\|?*]+')

# File systems allow 255 bytes; suffixes and numbers need some.
_LONGEST_NAME = 200


@contextmanager
def naming_errors(name: object, advice: str = "") -> Iterator[None]:
    """Say of an error of the system, while the block writes something, what cannot be written: an `OutputError`."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"{name} cannot be written ({error.strerror or error}){advice}") from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to; at the end it takes the place of `path`.

    Missing folders are made. When the block raises, the temporary file is removed and whatever was
    at `path` stays as it was.
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


@contextmanager
def drafting(path: Path) -> Iterator[Path]:
    """Give a path with the same name in a temporary folder beside `path`, for a file or folder to be made there.

    At the end it takes the place of `path`, whatever was there. When the block raises, it is removed and whatever was
    at `path` stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    workshop = path.with_name(f".{path.name}.{uuid4().hex[:12]}")
    workshop.mkdir()
    try:
        draft = workshop / path.name
        yield draft
        old = workshop / f"{path.name}.old"
        if path.exists():
            path.rename(old)
        try:
            draft.rename(path)
        except BaseException:
            if old.exists():
                old.rename(path)
            raise
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def write_whole(path: str | Path, data: bytes) -> None:
    """Put bytes at `path` in one step; folders are made.

    Raises:
        OutputError: the file cannot be written.
    """
    path = Path(path)
    with naming_errors(f"{path}:"), replacing(path) as temporary:
        temporary.write_bytes(data)


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
    with naming_errors(folder):
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            raise OutputError(f"{folder} already holds something: name a new or an empty folder, or remove it first")
        if folder == Path.cwd():
            raise OutputError(f"{folder} is the folder you are in, and would be replaced: name a new folder in it")
        draft = folder.with_name(f".{folder.name}.unfinished-{os.getpid()}")
        draft.mkdir(parents=True)
        try:
            yield draft
            if folder.exists():
                folder.rmdir()
            draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def make_run_folder(base: Path, name: str, exist_ok: bool = False) -> Path:
    """Make a folder for a run, such as ``runs/pose/predict``, and return it; two runs that start together get one each.

    Taken is ``base/name`` if that is free (or `exist_ok`), else the first free of ``name2``, ``name3``, ...

    Raises:
        OutputError: it cannot be made.
    """
    folder = base / name
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if exist_ok:
            folder.mkdir(exist_ok=True)
            return folder
        return base / free_name(name, lambda free: not _make(base / free), joint="")
    except OSError as error:
        raise OutputError(f"{folder}: the folder of results cannot be made ({error.strerror})") from error


def _make(folder: Path) -> bool:
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    return True


def safe_name(text: str) -> str:
    """Return a file or folder name that cannot leave its folder and that every system takes."""
    name = replace_unsafe(text).strip(". _").encode()[:_LONGEST_NAME].decode("utf-8", "ignore")
    return name.rstrip(". _") or "unnamed"


def replace_unsafe(text: str) -> str:
    """Return a text with ``_`` for what a name cannot hold on some system, folder separators among it."""
    return _UNSAFE.sub("_", text.encode("utf-8", "replace").decode())


def free_name(name: str, is_taken: Callable[[str], bool], *, joint: str = "-") -> str:
    """Return the first of ``name``, ``name-2``, ``name-3``, ... that is not taken; `joint` stands before the number."""
    names = (name if number == 1 else f"{name}{joint}{number}" for number in count(1))
    return next(free for free in names if not is_taken(free))


class FreeNames:
    """Gives out names without giving one twice; a repeated one gets ``-2``, ``-3``, ..."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._last: dict[str, int] = {}

    def claim(self, name: str) -> str:
        """Return `name`, with a number where it is taken; quick for thousands of one name."""
        # Some file systems do not tell upper from lower case.
        key = name.casefold()
        number, free = self._last.get(key, 1), name
        while free.casefold() in self._taken:
            number += 1
            free = f"{name}-{number}"
        self._last[key] = number
        self._taken.add(free.casefold())
        return free
