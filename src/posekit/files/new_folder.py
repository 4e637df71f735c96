"""`new_folder`: a folder that appears complete or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from posekit.errors import OutputError


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
