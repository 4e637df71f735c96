"""`write_whole`: a file that appears complete or not at all, with an error that says why not."""

from pathlib import Path

from posekit.errors import OutputError
from posekit.files.atomic import replacing


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
