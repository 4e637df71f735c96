"""Read a file, or say in one line why not."""

import json
import os
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from posekit.errors import (
    DatasetError,
    DatasetNotFoundError,
    SourceNotFoundError,
    SourceValueError,
    UnreadableImageError,
)
from posekit.files.values import quote
from posekit.log import one_line

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


# Class names of the largest vocabularies take 1 MB.
LARGEST_YAML = 16 << 20


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the keys of a dataset YAML; their values are not checked yet.

    Args:
        path: an existing file.

    Raises:
        DatasetError: it cannot be read, is no YAML, or does not hold ``key: value`` lines.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST_YAML:
            raise DatasetError(f"{path}: {size} bytes are too many for a dataset YAML, which names folders and classes")
        content = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    return parse_yaml(content, str(path))


def parse_yaml(content: bytes, where: str) -> dict[str, Any]:
    """Return the keys of a dataset YAML given as bytes.

    Args:
        content: UTF-8 or UTF-16, with or without a byte order mark.
        where: the file's name, for messages.

    Raises:
        DatasetError: it is no YAML, or does not hold ``key: value`` lines.
    """
    try:
        data = yaml.load(content, Loader=_StrictLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise DatasetError(f"{where}{place}: no valid YAML here: {one_line(error.problem or str(error))}") from error
    except RecursionError as error:
        raise DatasetError(f"{where}: is nested too deeply for a dataset YAML") from error
    except (yaml.YAMLError, ValueError) as error:  # a ValueError: what looks like a date, or a number of 5,000 digits
        raise DatasetError(f"{where}: is no valid YAML: {one_line(str(error))}") from error
    if not isinstance(data, dict):
        raise DatasetError(f"{where}: holds {quote(data)}, expected lines of the form 'key: value'")
    for key in data:
        if not isinstance(key, str):
            raise DatasetError(
                f"{where}: {quote(key)} is no key of a data set: if it numbers a class, indent it under `names:`"
            )
    return data


class _StrictLoader(yaml.SafeLoader):
    """Loads plain values, and refuses a key that stands twice instead of taking the last."""

    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:
        """Compose a mapping and look for repeated keys."""
        node = super().compose_mapping_node(anchor)
        seen: dict[Hashable, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            identity = key.tag, key.value
            if identity in seen:
                raise yaml.composer.ComposerError(
                    problem=f"'{key.value}' stands a second time (first in line {seen[identity]})",
                    problem_mark=key.start_mark,
                )
            seen[identity] = key.start_mark.line + 1
        return node
