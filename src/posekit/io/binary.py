"""Read a file, or say in one line why not."""

import os
from pathlib import Path

from posekit.errors import SourceNotFoundError, SourceValueError, UnreadableImageError

# The largest picture that is decoded, with four channels of 16 bits and not compressed, has 1.4 GB.
MAX_BYTES = 2 * 2**30


def read_bytes(path: Path, limit: int = -1) -> bytes:
    """Return the first `limit` bytes of a file; all of them when negative.

    Raises:
        SourceNotFoundError: there is no such file.
        UnreadableImageError: it may not be read, is no regular file, or is wanted whole and larger than `MAX_BYTES`.
    """
    try:
        # Opening a pipe waits for whoever writes into it; a device may never end.
        if path.exists() and not path.is_file():
            kind = "a folder" if path.is_dir() else "a pipe or a device"
            raise UnreadableImageError(f"{path}: is {kind}, not a file")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if limit < 0 and size > MAX_BYTES:
                raise UnreadableImageError(f"{path}: has {size:,} bytes, more than the {MAX_BYTES:,} allowed")
            return file.read(limit)
    except FileNotFoundError as error:
        raise SourceNotFoundError(f"{path}: no such file") from error
    except UnreadableImageError:
        raise
    except OSError as error:
        raise UnreadableImageError(f"{path}: cannot be opened ({error.strerror})") from error


def read_text(path: Path) -> str:
    """Return the text of a list file, without the byte order mark that some editors put first.

    Raises:
        SourceNotFoundError: there is no such file.
        UnreadableImageError: it may not be read, or is no regular file.
        SourceValueError: it is not UTF-8 text.
    """
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceValueError(f"{path}: the list is not UTF-8 text ({error.reason} at byte {error.start})") from error
