"""Reads a file as COCO JSON, and says of another file what it is instead."""

import json
from pathlib import Path
from typing import Any

from posekit.data.coco.other_forms import say_form
from posekit.errors import DatasetError, DatasetNotFoundError


def load_coco(path: Path) -> dict[str, Any]:
    """Return the content of a COCO JSON file; nothing within its lists is checked yet.

    Args:
        path: the file.

    Returns:
        A dictionary with the lists ``images`` and ``annotations``, and ``categories``, empty when missing.

    Raises:
        DatasetNotFoundError: there is no such file.
        DatasetError: it cannot be read, is no JSON, or is JSON of another form.
    """
    content = load_json(path)
    lists = ("images", "annotations")
    if not isinstance(content, dict) or not all(isinstance(content.get(key), list) for key in lists):
        raise DatasetError(f"{path}: {say_form(content)}")
    categories = content.get("categories", [])
    if not isinstance(categories, list):
        raise DatasetError(f"{path}: categories must be a list, one entry per class")
    return content | {"categories": categories}


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
        raise DatasetError(f"{path}: is nested too deeply for COCO JSON, which has four levels") from error
    except ValueError as error:  # a whole number of more than 4300 digits
        raise DatasetError(f"{path}: holds a number that is too long to read") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DatasetNotFoundError(f"{path}: there is no such annotation file") from error
    except IsADirectoryError as error:
        raise DatasetError(f"{path}: is a folder; name the COCO JSON file in it") from error
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
