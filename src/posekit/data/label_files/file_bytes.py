"""The bytes of a label file, or why there are none."""

import os
import stat

from posekit.data.label_files.encoding import BOM
from posekit.data.problem import Problem

_MAX_BYTES = 2**28


def read_label_bytes(path: str) -> bytes | Problem | None:
    """Return the content of a label file; None when there is none, a problem when it cannot be read."""
    try:
        status = os.stat(path)  # noqa: PTH116 - many files: Path is slower
        if not stat.S_ISREG(status.st_mode):  # opening a pipe waits for whoever writes into it
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or a device"
            return _unreadable(path, f"is {kind}; expected a text file")
        if status.st_size > _MAX_BYTES:
            return _unreadable(path, f"has {status.st_size:,} bytes; expected at most {_MAX_BYTES:,}")
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - as above
            return file.readall()
    except FileNotFoundError:
        return _unreadable(path, "is a link to a place that does not exist") if os.path.lexists(path) else None
    except OSError as error:
        return _unreadable(path, f"cannot be read ({error.strerror})")


def count_rows(data: bytes) -> int:
    """Return how many lines of a label file are not blank."""
    return sum(bool(line.strip()) for line in data.removeprefix(BOM).splitlines())


def _unreadable(path: str, message: str) -> Problem:
    return Problem(file=path, message=f"{message}; the picture is left out", code="unreadable", picture=True)
