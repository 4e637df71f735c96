"""Values of a JSON file, checked before use: anything may stand anywhere in a file that somebody else wrote."""

from collections.abc import Callable
from math import isnan
from typing import TYPE_CHECKING, Any, TypeGuard

from posekit.errors import DatasetTypeError
from posekit.files.problems import ProblemList

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# No picture is that large; beyond it, sums and float32 overflow.
LARGEST = 1e9
_LONGEST_QUOTE, _LONGEST_LIST = 40, 6
_LARGEST_INDEX = 2**31  # far above any count
_NUMBERS = frozenset({int, float})


class UnusableValueError(Exception):
    """A value that its role does not allow; readers turn it into a `Problem`.

    Its `field` is the key that the value stands under, with an index where there is one: ``keypoints[5]``.
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
    if isinstance(value, dict):
        return f"a dictionary of {len(value)}"
    if isinstance(value, (list, tuple)) and not (len(value) <= _LONGEST_LIST and all(map(is_plain_number, value))):
        return f"a list of {len(value)}"
    if isinstance(value, int) and abs(value) > LARGEST:
        return "a huge whole number"  # those with thousands of digits cannot even be printed
    text = repr(value)
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}..."


def is_number(value: Any) -> TypeGuard[int | float]:
    """Tell whether a value is a number that is finite and at most `LARGEST` in size."""
    # True and False are no numbers here; NaN fails every comparison.
    return type(value) in (int, float) and -LARGEST <= value <= LARGEST


def is_plain_number(value: Any) -> TypeGuard[int | float]:
    """Tell whether a value is a number, NaN and infinity among them, and no whole number of absurd length."""
    return type(value) is float or (type(value) is int and abs(value) <= LARGEST)


def read_numbers(value: Any, field: str, code: str) -> "NDArray[np.float64]":
    """Return a flat list of finite numbers as an array; anything else is an `UnusableValueError`."""
    import numpy as np

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
    """Return a whole number, 3.0 among them; anything else is an `UnusableValueError`."""
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    raise UnusableValueError(field, f"is {quote(value)}, not a whole number", code)


def read_key(value: Any, field: str, code: str) -> int | str:
    """Return a whole number or a text that names a picture; anything else is an `UnusableValueError`."""
    return value if isinstance(value, str) else read_id(value, field, code)


def read_list(value: Any, fits: Callable[[Any], bool], key: str, where: str, expected: str) -> tuple[Any, ...]:
    """Return a list of a dataset YAML or of a COCO category as a tuple; `fits` tells whether an entry can be used.

    Raises:
        DatasetTypeError: it is no list, or an entry does not fit; `key`, `where` (the file) and what was `expected`
            are for the message.
    """
    if not isinstance(value, (list, tuple)) or not all(map(fits, value)):
        raise DatasetTypeError(f"{where}: {key} is {quote(value)}, expected {expected}")
    return tuple(value)


def is_index(value: Any) -> TypeGuard[int]:
    """Tell whether a value is a whole number of sensible size, and no truth value."""
    return type(value) is int and abs(value) < _LARGEST_INDEX


def is_pair(value: Any) -> bool:
    """Tell whether a value is a pair of whole numbers."""
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(map(is_index, value))
