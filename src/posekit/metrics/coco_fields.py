"""Reads single fields of COCO files, which may hold anything that JSON can say."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Key = int | str

# No picture is larger; squares of what is below stay finite.
LARGEST = 1e9


def finite(value: Any) -> float | None:
    """Return a JSON number as float; None for anything else, and for numbers of 1e9 or more."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -LARGEST < value < LARGEST:
        return None
    return float(value)


def identifier(value: Any) -> Key | None:
    """Return an id: whole numbers as int, also when written as 7.0; text as it is; None for anything else."""
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return int(value)
    return value if isinstance(value, int | str) and not isinstance(value, bool) else None


def looked_up(table: Mapping[Key, int], value: Any) -> int | None:
    """Return the entry of an id; digits as text and the number they spell stand for each other."""
    key = identifier(value)
    if key is None:
        return None
    if key in table:
        return table[key]
    other: Key = str(key) if isinstance(key, int) else int(key) if key.isdecimal() and len(key) < 19 else key
    return table.get(other)


def number_list(value: Any) -> Floats | None:
    """Return a flat JSON list as (n,) float64, with NaN where an entry is no number below 1e9.

    None when it is no flat list.
    """
    if not isinstance(value, list):
        return None
    try:
        numbers = np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        numbers = np.array([math.nan if (number := finite(entry)) is None else number for entry in value])
    if numbers.ndim != 1:
        return None
    numbers[~(np.abs(numbers) < LARGEST)] = math.nan
    return numbers


def shown(value: Any) -> str:
    """Return a value as an error message shows it: cut off after 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
