"""Reads ``kpt_names`` of a dataset YAML: one list for all classes, or one list per class."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from posekit.errors import DatasetTypeError, SchemaError
from posekit.schema.plain_values import is_index, read_names


@dataclass(frozen=True, kw_only=True)
class YamlNames:
    """Point names as a dataset YAML gives them.

    Attributes:
        lists: different lists of names, one for all classes or one for each class that has its own; empty without.
            The longest has K names.
        classes: numbers of the classes that have keypoints; None for all.
        class_points: how many names each of `classes` has; None where all have K.
    """

    lists: tuple[tuple[str, ...], ...] = ()
    classes: tuple[int, ...] | None = None
    class_points: tuple[int, ...] | None = None

    @property
    def joined(self) -> tuple[str, ...]:
        """K names for all classes; where they name a point differently, it bears all its names: ``paw/hoof``."""
        return tuple("/".join(dict.fromkeys(filter(None, names))) for names in zip_longest(*self.lists))


def read_kpt_names(data: Mapping[str, Any], count: int, where: str) -> YamlNames:
    """Read ``kpt_names``.

    Args:
        data: the dataset YAML.
        count: K of ``kpt_shape``.
        where: the file, for messages about types; those about contradictions leave it to the caller.

    Raises:
        DatasetTypeError: if it is neither a list of names nor such lists by class number.
        SchemaError: if no list has K names, one has more, or there is no such class.
    """
    value = data.get("kpt_names")
    if value is None:
        return YamlNames()
    if not isinstance(value, Mapping):
        return YamlNames(lists=(_list_of(value, "kpt_names", count, where),))
    if not value or not all(is_index(label) and label >= 0 for label in value):
        raise DatasetTypeError(
            f"{where}: kpt_names must be one list of names, or one list per class number, such as {{0: [nose, tail]}}"
        )
    lists = {label: read_names(value[label], f"kpt_names[{label}]", where) for label in sorted(value)}
    longest = max(lists, key=lambda label: len(lists[label]))
    _check_count(lists[longest], f"kpt_names[{longest}]", count)
    classes, class_points = _classes(data, list(lists)), None
    if any(len(names) < count for names in lists.values()):
        classes, class_points = tuple(lists), tuple(map(len, lists.values()))
    return YamlNames(lists=tuple(dict.fromkeys(lists.values())), classes=classes, class_points=class_points)


def _list_of(value: Any, key: str, count: int, where: str) -> tuple[str, ...]:
    names = read_names(value, key, where)
    _check_count(names, key, count)
    return names


def _check_count(names: tuple[str, ...], key: str, count: int) -> None:
    if len(names) != count:
        raise SchemaError(f"{key} has {len(names)} names, but kpt_shape says K = {count} points")


def _classes(data: Mapping[str, Any], labels: list[int]) -> tuple[int, ...] | None:
    """Return the classes with keypoints; None when that is all classes of the data set."""
    classes = _class_count(data)
    if classes is None:
        return tuple(labels)
    if labels[-1] >= classes:
        raise SchemaError(f"kpt_names has class {labels[-1]}, but the data set has {classes} classes, counted from 0")
    return None if len(labels) == classes else tuple(labels)


def _class_count(data: Mapping[str, Any]) -> int | None:
    names, number = data.get("names"), data.get("nc")
    if isinstance(names, (list, tuple, Mapping)):
        return len(names)
    return number if is_index(number) else None
