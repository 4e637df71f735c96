"""Replaces a file in one step, so that nobody ever sees half a file under its name."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


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
