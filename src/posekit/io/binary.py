"""Open a file for reading, or say in one line why not."""

from pathlib import Path

from posekit.errors import SourceNotFoundError, UnreadableImageError


def read_bytes(path: Path, limit: int = -1) -> bytes:
    """Return the first `limit` bytes of a file; all of them when negative.

    Raises:
        SourceNotFoundError: there is no such file.
        UnreadableImageError: it may not be read, or is a folder.
    """
    try:
        with path.open("rb") as file:
            return file.read(limit)
    except FileNotFoundError as error:
        raise SourceNotFoundError(f"{path}: no such file") from error
    except OSError as error:
        raise UnreadableImageError(f"{path}: cannot be opened ({error.strerror})") from error
