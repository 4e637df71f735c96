"""Read a file of somebody else, or say in one line why not."""

import json
import os
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from posekit.errors import (
    DatasetError,
    DatasetNotFoundError,
    PosekitError,
    SourceNotFoundError,
    SourceValueError,
    UnreadableImageError,
)
from posekit.log import one_line

# The largest picture that is decoded, with four channels of 16 bits and not compressed, has 1.4 GB.
MAX_BYTES = 2 * 2**30

# Class names of the largest vocabularies take 1 MB.
LARGEST_YAML = 16 << 20


def exists(path: str | Path) -> bool:
    """Tell whether there is something at a path; no for names that the file system cannot have."""
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises for names that are too long


def read_file(
    path: Path,
    error: type[PosekitError],
    *,
    absent: PosekitError | None = None,
    name: str = "",
    limit: int | None = None,
    first: int = -1,
) -> bytes:
    """Return the bytes of a regular file.

    Args:
        path: the file.
        error: the class of what is raised, with `name` and the reason.
        absent: raised where there is no such file; None: `error`.
        name: how the user knows the file, such as ``cfg=my.yaml``; the path when empty.
        limit: the most bytes that a whole file may have.
        first: how many bytes are wanted; all of them when negative.
    """
    name = name or str(path)
    try:
        # Opening a pipe waits for whoever writes into it; a device may never end.
        if path.exists() and not path.is_file():
            raise error(f"{name}: is {'a folder' if path.is_dir() else 'a pipe or a device'}, not a file")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if first < 0 and limit is not None and size > limit:
                raise error(f"{name}: has {size:,} bytes, more than the {limit:,} allowed")
            return file.read(first)
    except PosekitError:
        raise
    except (OSError, ValueError) as problem:
        if absent is not None and isinstance(problem, (FileNotFoundError, NotADirectoryError)):
            raise absent from problem
        raise error(f"{name}: cannot be read ({getattr(problem, 'strerror', None) or problem})") from problem


def read_bytes(path: Path, first: int = -1) -> bytes:
    """Return the first bytes of a picture, video or list; all of them when `first` is negative.

    Raises:
        SourceNotFoundError: there is no such file.
        UnreadableImageError: it may not be read, is no regular file, or is wanted whole and larger than `MAX_BYTES`.
    """
    absent = SourceNotFoundError(f"{path}: no such file")
    return read_file(path, UnreadableImageError, absent=absent, limit=MAX_BYTES, first=first)


def read_text(path: Path) -> str:
    """Return the text of a list, without the byte order mark that some editors put first.

    Raises what `read_bytes` raises, and `SourceValueError` for what is not UTF-8 text.
    """
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceValueError(f"{path}: the list is not UTF-8 text ({error.reason} at byte {error.start})") from error


def read_json(path: Path) -> Any:
    """Return the content of any JSON file in UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Raises:
        DatasetNotFoundError: there is no such file.
        DatasetError: it cannot be read, or is no JSON; the message gives line and column.
    """
    data = read_file(path, DatasetError, absent=DatasetNotFoundError(f"{path}: there is no such annotation file"))
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


def read_yaml(path: Path, error: type[PosekitError], *, absent: PosekitError | None = None, name: str = "") -> Any:
    """Return the content of a YAML file; the arguments are those of `read_file`."""
    data = read_file(path, error, absent=absent, name=name, limit=LARGEST_YAML)
    return parse_yaml(data, error, name or str(path))


def parse_yaml(content: bytes | str, error: type[PosekitError], name: str) -> Any:
    """Return plain values from YAML: UTF-8 or UTF-16, with or without a byte order mark.

    Raises `error`, with `name`, where it is no YAML, or a key stands twice.
    """
    try:
        return yaml.load(content, Loader=_StrictLoader)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise error(f"{name}{place}: no valid YAML here: {one_line(problem.problem or str(problem))}") from problem
    except RecursionError as problem:
        raise error(f"{name}: is nested too deeply for a YAML file") from problem
    except (yaml.YAMLError, ValueError) as problem:  # a ValueError: what looks like a date, or a number of 5,000 digits
        raise error(f"{name}: is no valid YAML: {one_line(str(problem))}") from problem


class _StrictLoader(yaml.SafeLoader):
    """Loads plain values, and refuses a key that stands twice instead of taking the last."""

    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:
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
