"""Checks the types of keypoint values from YAML and JSON files."""

from reprlib import Repr
from typing import Any

from posekit.errors import DatasetTypeError

_LARGEST_INDEX = 2**31  # far above any count, and short enough to be shown


def read_indices(value: Any, key: str, where: str, expected: str) -> tuple[int, ...]:
    """Return a list of whole numbers.

    Args:
        value: from the file.
        key: that it stands under.
        where: the file, for the message.
        expected: what should stand there, for the message.

    Raises:
        DatasetTypeError: if it is anything else, also for truth values and fractions.
    """
    if not isinstance(value, (list, tuple)) or not all(map(is_index, value)):
        raise _wrong_type(value, key, where, expected)
    return tuple(value)


def read_pairs(value: Any, key: str, where: str) -> tuple[tuple[int, int], ...]:
    """Return a list of pairs of whole numbers.

    Raises:
        DatasetTypeError: if it is anything else.
    """
    if not is_list_of_pairs(value):
        raise _wrong_type(value, key, where, "a list of pairs of point indices, such as [[0, 1], [1, 2]]")
    return tuple((a, b) for a, b in value)


def read_numbers(value: Any, key: str, where: str) -> tuple[float, ...]:
    """Return a list of numbers.

    Raises:
        DatasetTypeError: if it is anything else; YAML reads 5e-2 as text.
    """
    error = _wrong_type(value, key, where, "a list of plain numbers, such as [0.05, 0.1] (YAML takes 5e-2 for text)")
    if not isinstance(value, (list, tuple)) or any(
        isinstance(item, bool) or not isinstance(item, (int, float)) for item in value
    ):
        raise error
    try:
        return tuple(float(item) for item in value)
    except OverflowError:
        raise error from None


def read_names(value: Any, key: str, where: str) -> tuple[str, ...]:
    """Return a list of point names; numbers count as names.

    Raises:
        DatasetTypeError: if it is anything else; YAML reads off, no and null as no text.
    """
    if not isinstance(value, (list, tuple)) or not all(map(_is_name, value)):
        raise _wrong_type(value, key, where, "a list of point names (with quotes around names like 'off' and 'no')")
    return tuple(str(item) for item in value)


def is_index(value: Any) -> bool:
    """Return whether a value is a whole number of sensible size, and no truth value."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST_INDEX


def is_list_of_pairs(value: Any) -> bool:
    """Return whether a value is a list of pairs of whole numbers."""
    return isinstance(value, (list, tuple)) and all(
        isinstance(pair, (list, tuple)) and len(pair) == 2 and all(map(is_index, pair)) for pair in value
    )


def _is_name(value: Any) -> bool:
    if isinstance(value, str):
        return bool(value.strip())
    return isinstance(value, float) or is_index(value)


def _wrong_type(value: Any, key: str, where: str, expected: str) -> DatasetTypeError:
    return DatasetTypeError(f"{where}: {key} is {_shown(value)}, expected {expected}")


def _shown(value: Any) -> str:
    """Return a value of any size and depth in few characters."""
    brief = Repr()
    brief.maxlist = brief.maxtuple = brief.maxdict = 6
    brief.maxstring = brief.maxother = 60
    try:
        return brief.repr(value)
    except ValueError:  # Python refuses to write out whole numbers of thousands of digits
        return f"a {type(value).__name__} with a number of thousands of digits"
