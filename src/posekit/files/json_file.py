"""Reads JSON that somebody else wrote: whatever is wrong with the file is one clear line."""

import json
from pathlib import Path
from typing import Any

from posekit.errors import DatasetError, DatasetNotFoundError


def load_json(path: Path) -> Any:
    """Return the content of any JSON file in UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Raises:
        DatasetNotFoundError: there is no such file.
        DatasetError: it cannot be read, or is no JSON; the message gives line and column.
    """
    data = _read(path)
    try:
        return json.loads(data)
    except json.JSONDecodeError as error:
        raise DatasetError(f"{path}:{error.lineno}:{error.colno}: is no valid JSON here ({error.msg})") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: is no text, so no JSON either ({error.reason} at byte {error.start})") from error
    except RecursionError as error:
        raise DatasetError(f"{path}: is nested too deeply for an annotation file, which has a few levels") from error
    except ValueError as error:  # a whole number of more than 4300 digits
        raise DatasetError(f"{path}: holds a number that is too long to read") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DatasetNotFoundError(f"{path}: there is no such annotation file") from error
    except IsADirectoryError as error:
        raise DatasetError(f"{path}: is a folder; name the JSON file in it") from error
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
