"""Values of a JSON file, checked before use: anything may stand anywhere in a file that somebody else wrote."""

from math import isnan
from reprlib import Repr
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from posekit.errors import DatasetTypeError
from posekit.files.problems import ProblemList

# No picture is that large; beyond it, sums and float32 overflow.
LARGEST = 1e9


_LONGEST_QUOTE = 40


_NUMBERS = frozenset({int, float})


class UnusableValueError(Exception):
    """A value that its role does not allow; readers turn it into a `Problem`.

    Args:
        field: the key it stands under, with an index where there is one: ``bbox`` or ``keypoints[5]``.
        message: what was found and what was expected.
        code: short name of the kind.
    """

    def __init__(self, field: str, message: str, code: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message
        self.code = code

    def add_to(self, problems: ProblemList, place: str, *, objects: int = 0, picture: bool = False) -> None:
        """Add this as a problem of the entry at `place`; the other arguments are those of `Problem`."""
        problems.add(f"{place}.{self.field}", self.message, self.code, objects=objects, picture=picture)


def quote(value: Any) -> str:
    """Return a value as short text for a message."""
    if isinstance(value, (dict, list)):
        return f"a {'list' if isinstance(value, list) else 'dictionary'} of {len(value)}"
    if isinstance(value, int) and abs(value) > LARGEST:
        return "a huge whole number"  # those with thousands of digits cannot even be printed
    text = repr(value)
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}..."


def is_number(value: Any) -> TypeGuard[int | float]:
    """Tell whether a value is a number that is finite and at most `LARGEST` in size."""
    # True and False are no numbers here; NaN fails every comparison.
    return type(value) in (int, float) and -LARGEST <= value <= LARGEST


def read_numbers(value: Any, field: str, code: str) -> NDArray[np.float64]:
    """Return a flat list of numbers as an array.

    Raises:
        UnusableValueError: it is no list, or holds something else than finite numbers.
    """
    if not isinstance(value, list):
        raise UnusableValueError(field, f"is {quote(value)}, not a list of numbers", code)
    if not _are_numbers(value):
        wrong = next(position for position, entry in enumerate(value) if not is_number(entry))
        raise UnusableValueError(f"{field}[{wrong}]", f"is {quote(value[wrong])}, not a finite number", code)
    return np.array(value, np.float64)


def _are_numbers(values: list[Any]) -> bool:
    """Tell the same as `is_number` of all values, without looking at each in Python: files hold millions of them."""
    if not values or not _NUMBERS.issuperset(map(type, values)):
        return not values
    # With a NaN among them, the extremes depend on the order; then the sum is NaN.
    return min(values) >= -LARGEST and max(values) <= LARGEST and not isnan(sum(values))


def read_id(value: Any, field: str, code: str) -> int:
    """Return a whole number; 3.0 counts as one.

    Raises:
        UnusableValueError: it is something else.
    """
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    raise UnusableValueError(field, f"is {quote(value)}, not a whole number", code)


def read_key(value: Any, field: str, code: str) -> int | str:
    """Return a whole number or a text that names a picture.

    Raises:
        UnusableValueError: it is something else.
    """
    return value if isinstance(value, str) else read_id(value, field, code)


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


def read_plain_numbers(value: Any, key: str, where: str) -> tuple[float, ...]:
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
