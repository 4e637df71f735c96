"""Kinds of setting values: what each accepts, and how it says so when a value does not fit."""

import dataclasses
import difflib
import math
import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar, NoReturn, Protocol

from posekit.errors import SettingError, SettingTypeError


def near_matches(word: str, known: Iterable[str]) -> list[str]:
    """Return up to three known words that look like `word`, nearest first."""
    by_lower = {name.lower(): name for name in known}
    return [by_lower[match] for match in difflib.get_close_matches(word.lower(), by_lower, n=3, cutoff=0.6)]


def question(word: str, known: Iterable[str], defaults: Mapping[str, str] | None = None) -> str:
    """Return ": did you mean conf=0.25?", or "" when nothing known looks like `word`.

    Args:
        word: what was typed.
        known: the right words.
        defaults: text of the default value of those words that have one.
    """
    defaults = defaults or {}
    matches = [f"{match}={defaults[match]}" if match in defaults else match for match in near_matches(word, known)]
    return f": did you mean {' or '.join(matches)}?" if matches else ""


_MAX_SHOWN = 200


class Kind(Protocol):
    """A set of values that a setting can take."""

    @property
    def expected(self) -> str:
        """The values in words, as the end of "expected ..."."""
        ...

    def read(self, key: str, value: Any) -> Any:
        """Return `value` in its stored form.

        Raises:
            SettingTypeError: it is of the wrong type.
            SettingError: it is of the right type, but out of range.
        """
        ...


def wrong_type(key: str, value: Any, kind: Kind) -> NoReturn:
    """Raise the error for a value whose type `kind` does not take."""
    raise SettingTypeError(
        f"{key}={_shown(value)} is of the wrong type ({type(value).__name__}): expected {kind.expected}"
    )


def out_of_range(key: str, value: Any, kind: Kind) -> NoReturn:
    """Raise the error for a value of the right type that `kind` does not take."""
    raise SettingError(f"{key}={_shown(value)} is out of range: expected {kind.expected}")


@dataclass(frozen=True)
class Flag:
    """True or False, and no number in their place."""

    @property
    def expected(self) -> str:
        """The values in words."""
        return "true or false"

    def read(self, key: str, value: Any) -> bool:
        """Return the truth value."""
        return value if isinstance(value, bool) else wrong_type(key, value, self)


@dataclass(frozen=True)
class Whole:
    """A whole number; 100.0 and 1e2 are taken as 100.

    Attributes:
        low: smallest value.
        high: largest value; None without limit.
    """

    low: int = 0
    high: int | None = None

    @property
    def expected(self) -> str:
        """The values in words."""
        return f"a whole number {_bounds(self.low, self.high)}"

    def read(self, key: str, value: Any) -> int:
        """Return the number as int."""
        number = _number(key, value, self)
        if not float(number).is_integer():
            wrong_type(key, value, self)
        inside = number >= self.low and (self.high is None or number <= self.high)
        return int(number) if inside else out_of_range(key, value, self)


@dataclass(frozen=True)
class Number:
    """A finite number; whole numbers are taken too.

    Attributes:
        low: smallest value.
        high: largest value; None without limit.
    """

    low: float = 0
    high: float | None = None

    @property
    def expected(self) -> str:
        """The values in words."""
        return f"a number {_bounds(self.low, self.high)}"

    def read(self, key: str, value: Any) -> float:
        """Return the number as float."""
        number = float(_number(key, value, self))
        inside = math.isfinite(number) and number >= self.low and (self.high is None or number <= self.high)
        return number if inside else out_of_range(key, value, self)


@dataclass(frozen=True)
class Text:
    """Text or a path."""

    what: str = "text"

    @property
    def expected(self) -> str:
        """The values in words."""
        return self.what

    def read(self, key: str, value: Any) -> str:
        """Return the text; a path as its text."""
        if not isinstance(value, str | os.PathLike):
            wrong_type(key, value, self)
        text = os.fspath(value)
        return text if isinstance(text, str) and text else wrong_type(key, value, self)


@dataclass(frozen=True)
class Choice:
    """One of a few values; upper and lower case of text do not matter."""

    options: tuple[str | int, ...]

    @property
    def expected(self) -> str:
        """The values in words."""
        return f"one of {', '.join(map(str, self.options))}"

    def read(self, key: str, value: Any) -> str | int:
        """Return the option in its own spelling."""
        if isinstance(value, bool) or not isinstance(value, str | Real):
            wrong_type(key, value, self)
        for option in self.options:
            if option == value or (isinstance(value, str) and str(option).lower() == value.lower()):
                return option
        if isinstance(value, str) not in {isinstance(option, str) for option in self.options}:
            wrong_type(key, value, self)
        hint = question(str(value), map(str, self.options))
        raise SettingError(f"{key}={_shown(value)} is not known: expected {self.expected}{hint}")


@dataclass(frozen=True)
class Listing:
    """A list of values of one kind; a single value is taken as a list of one."""

    of: Kind
    length: int | None = None

    @property
    def expected(self) -> str:
        """The values in words."""
        return f"a list of {self.length or 'values'}, each {self.of.expected}"

    def read(self, key: str, value: Any) -> tuple[Any, ...]:
        """Return the entries as a tuple."""
        entries = _entries(value)
        if self.length is not None and len(entries) != self.length:
            wrong_type(key, value, self)
        return tuple(self.of.read(key, entry) for entry in entries)


# Network inputs beyond this would need hundreds of gigabytes.
LARGEST_SIDE = 32_768


@dataclass(frozen=True)
class ImageSize:
    """A square size, or height and width, in pixels."""

    @property
    def expected(self) -> str:
        """The values in words."""
        return f"a whole number from 1 to {LARGEST_SIDE}, or [height, width]"

    def read(self, key: str, value: Any) -> int | tuple[int, int]:
        """Return the side of a square as int, or (height, width)."""
        entries = _entries(value)
        if len(entries) not in (1, 2):
            out_of_range(key, value, self)
        if any(isinstance(entry, bool) or not isinstance(entry, Real) for entry in entries):
            wrong_type(key, value, self)
        sides = [Whole(1, LARGEST_SIDE).read(key, entry) for entry in entries]
        return sides[0] if len(sides) == 1 else (sides[0], sides[1])


@dataclass(frozen=True)
class BatchSize:
    """A number of pictures, -1 to fit the memory of the GPU, or a share of that memory."""

    @property
    def expected(self) -> str:
        """The values in words."""
        return "a whole number of at least 1, -1 (fit the GPU), or a share of its memory between 0 and 1"

    def read(self, key: str, value: Any) -> int | float:
        """Return a number of pictures or -1 as int, a share as float."""
        number = _number(key, value, self)
        if 0 < number < 1:
            return float(number)
        if number == -1:
            return -1
        if number < 1:
            out_of_range(key, value, self)
        return int(number) if float(number).is_integer() else wrong_type(key, value, self)


@dataclass(frozen=True)
class Device:
    """Where to compute: a word, one or several GPU numbers, or an object whose text is such a word."""

    @property
    def expected(self) -> str:
        """The values in words."""
        return "cpu, mps, cuda, a GPU number (0), several (0,1 or cpu,cpu), or -1 (the idlest GPU)"

    def read(self, key: str, value: Any) -> str:
        """Return the device as text, such as "cpu", "cuda:0", "0" or "0,1"."""
        if isinstance(value, bool | float):
            wrong_type(key, value, self)
        text = ",".join(str(entry) for entry in _entries(value)).replace(" ", "").lower()
        return text if re.fullmatch(_DEVICE, text) else out_of_range(key, value, self)


_DEVICE = r"cpu(,cpu)*|mps|-1|(cuda|xpu)(:\d+)?|(cuda:)?\d+(,(cuda:)?\d+)*"


@dataclass(frozen=True, init=False)
class Either:
    """Any of several kinds; the first that takes a value decides its stored form."""

    kinds: tuple[Kind, ...]

    def __init__(self, *kinds: Kind) -> None:
        object.__setattr__(self, "kinds", kinds)

    @property
    def expected(self) -> str:
        """The values in words."""
        return " or ".join(kind.expected for kind in self.kinds)

    def read(self, key: str, value: Any) -> Any:
        """Return the value as its kind stores it."""
        right_type = False
        for kind in self.kinds:
            try:
                return kind.read(key, value)
            except SettingTypeError:  # noqa: PERF203  # two or three kinds, once per run
                continue
            except SettingError:
                right_type = True
        return out_of_range(key, value, self) if right_type else wrong_type(key, value, self)


@dataclass(frozen=True)
class Optionally:
    """None, or a value of `kind`."""

    kind: Kind

    @property
    def expected(self) -> str:
        """The values in words."""
        return f"none or {self.kind.expected}"

    def read(self, key: str, value: Any) -> Any:
        """Return None, or the value as its kind stores it."""
        return None if value is None else self.kind.read(key, value)


def takes(kind: Kind, value: Any) -> bool:
    """Return whether `kind` takes `value`."""
    try:
        kind.read("", value)
    except (SettingError, SettingTypeError):
        return False
    return True


def _bounds(low: float, high: float | None) -> str:
    return f"of at least {low}" if high is None else f"from {low} to {high}"


def _number(key: str, value: Any, kind: Kind) -> int | float:
    if isinstance(value, bool) or not isinstance(value, Real):
        wrong_type(key, value, kind)
    if not isinstance(value, Integral):
        return float(value)
    whole = int(value)
    # Whole numbers are compared with fractions, and those have an end.
    return whole if abs(whole) < sys.float_info.max else out_of_range(key, value, kind)


def _shown(value: Any) -> str:
    """Return how a value reads, cut where it would fill the screen."""
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def _entries(value: Any) -> list[Any]:
    if hasattr(value, "tolist"):  # arrays and tensors, their scalars too
        value = value.tolist()
    return list(value) if isinstance(value, list | tuple | set | frozenset | range) else [value]


@dataclass(frozen=True)
class Setting:
    """What one setting takes and means.

    Attributes:
        kind: the values it takes.
        meaning: half a sentence for tables.
        unit: unit of the value ("px", "frames"); empty for plain numbers and words.
    """

    kind: Kind
    meaning: str
    unit: str = ""


def setting(default: Any, kind: Kind, meaning: str, unit: str = "") -> Any:
    """Return a dataclass field that carries its `Setting`."""
    return dataclasses.field(default=default, metadata={"setting": Setting(kind, meaning, unit)})


def again(owner: type["Settings"], key: str, *, default: Any, kind: Kind | None = None) -> Any:
    """Return the field `key` of `owner` with another default; `kind` narrows what this mode takes."""
    described = settings_of(owner)[key]
    return setting(default, kind or described.kind, described.meaning, described.unit)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Base of all groups of settings: values are checked, and brought to their stored form, on construction.

    Raises:
        SettingTypeError: a value has the wrong type.
        SettingError: a value is out of range.
    """

    command: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for key, described in settings_of(type(self)).items():
            object.__setattr__(self, key, described.kind.read(key, getattr(self, key)))


def settings_of(owner: type[Settings]) -> dict[str, Setting]:
    """Return key -> `Setting` of a class, in order of declaration."""
    return {field.name: field.metadata["setting"] for field in dataclasses.fields(owner)}


def defaults_of(owner: type[Settings]) -> dict[str, Any]:
    """Return key -> default value of a class, in order of declaration."""
    return {field.name: field.default for field in dataclasses.fields(owner)}


@dataclass(frozen=True)
class Transforms:
    """Transforms as objects, in the plain form that files hold, or the name of such a file.

    Whether objects are transforms of the package is checked where they are used: nothing is imported here.
    """

    @property
    def expected(self) -> str:
        """The values in words."""
        return "a list of albumentations transforms, or a YAML or JSON file made by albumentations.save"

    def read(self, key: str, value: Any) -> str | tuple[Any, ...]:
        """Return the name of the file, or the transforms as a tuple."""
        if isinstance(value, str | os.PathLike):
            return Text(self.expected).read(key, value)
        entries = tuple(value) if isinstance(value, list | tuple) else (value,)
        if not all(callable(entry) or isinstance(entry, Mapping) for entry in entries):
            wrong_type(key, value, self)
        return entries
