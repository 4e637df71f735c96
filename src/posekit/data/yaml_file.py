"""Reads the YAML of a data set: plain values only, and of a damaged file the line and column."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from posekit.data.coco.values import quote
from posekit.errors import DatasetError
from posekit.log import one_line

# Class names of the largest vocabularies take 1 MB.
MAX_BYTES = 16 << 20


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the keys of a dataset YAML; their values are not checked yet.

    Args:
        path: an existing file.

    Raises:
        DatasetError: it cannot be read, is no YAML, or does not hold ``key: value`` lines.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
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
