"""How a setting is declared and checked: its kind follows from its annotation.

``lr0: float = setting(0.01, "learning rate at the start", low=0)`` is all that a setting needs. What annotations
cannot say (image sizes, devices) has a kind of its own.
"""

import dataclasses
import difflib
import math
import os
import re
import sys
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, NoReturn, Union, get_args, get_origin

from posekit.errors import SettingError, SettingTypeError

_LONGEST_SHOWN = 200

# Network inputs beyond this would need hundreds of gigabytes.
LARGEST_SIDE = 32_768

_DEVICE = r"cpu(,cpu)*|mps|-1|(cuda|xpu)(:\d+)?|(cuda:)?\d+(,(cuda:)?\d+)*"


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


class Kind:
    """A set of values that a setting can take.

    Attributes:
        expected: the values in words, as the end of "expected ...".
    """

    expected: str

    def read(self, key: str, value: Any) -> Any:
        """Return `value` in its stored form.

        Raises:
            SettingTypeError: it is of the wrong type.
            SettingError: it is of the right type, but out of range.
        """
        return self._read(key, value)

    def _read(self, key: str, value: Any) -> Any:
        raise NotImplementedError


def wrong_type(key: str, value: Any, kind: Kind) -> NoReturn:
    """Raise the error for a value whose type `kind` does not take."""
    raise SettingTypeError(
        f"{key}={_shown(value)} is of the wrong type ({type(value).__name__}): expected {kind.expected}"
    )


def out_of_range(key: str, value: Any, kind: Kind) -> NoReturn:
    """Raise the error for a value of the right type that `kind` does not take."""
    raise SettingError(f"{key}={_shown(value)} is out of range: expected {kind.expected}")


def _shown(value: Any) -> str:
    """Return how a value reads, cut where it would fill the screen."""
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


class Flag(Kind):
    """True or False, and no number in their place."""

    expected = "true or false"

    def _read(self, key: str, value: Any) -> bool:
        return value if isinstance(value, bool) else wrong_type(key, value, self)


class Number(Kind):
    """A finite number from `low` to `high`; whole numbers are taken too."""

    words = "a number"

    def __init__(self, low: float = 0, high: float | None = None) -> None:
        self.low, self.high = low, high
        self.expected = f"{self.words} of at least {low}" if high is None else f"{self.words} from {low} to {high}"

    def _read(self, key: str, value: Any) -> float:
        return self._inside(key, value, float(_number(key, value, self)))

    def _inside(self, key: str, value: Any, number: float) -> float:
        inside = math.isfinite(number) and number >= self.low and (self.high is None or number <= self.high)
        return number if inside else out_of_range(key, value, self)


class Whole(Number):
    """A whole number from `low` to `high`; 100.0 and 1e2 are taken as 100."""

    words = "a whole number"

    def _read(self, key: str, value: Any) -> int:
        number = _number(key, value, self)
        return int(self._inside(key, value, number)) if float(number).is_integer() else wrong_type(key, value, self)


def _number(key: str, value: Any, kind: Kind) -> int | float:
    if isinstance(value, bool) or not isinstance(value, Real):
        wrong_type(key, value, kind)
    if not isinstance(value, Integral):
        return float(value)
    whole = int(value)
    # Whole numbers are compared with fractions, and those have an end.
    return whole if abs(whole) < sys.float_info.max else out_of_range(key, value, kind)


class Text(Kind):
    """Text or a path; `what` says in words what it names."""

    def __init__(self, what: str = "text") -> None:
        self.expected = what

    def _read(self, key: str, value: Any) -> str:
        if not isinstance(value, str | os.PathLike):
            wrong_type(key, value, self)
        text = os.fspath(value)
        return text if isinstance(text, str) and text else wrong_type(key, value, self)


class Choice(Kind):
    """One of a few values; upper and lower case of text do not matter."""

    def __init__(self, options: tuple[str | int, ...]) -> None:
        self.options = options
        self.expected = f"one of {', '.join(map(str, options))}"

    def _read(self, key: str, value: Any) -> str | int:
        if isinstance(value, bool) or not isinstance(value, str | Real):
            wrong_type(key, value, self)
        for option in self.options:
            if option == value or (isinstance(value, str) and str(option).lower() == value.lower()):
                return option
        if isinstance(value, str) not in {isinstance(option, str) for option in self.options}:
            wrong_type(key, value, self)
        hint = question(str(value), map(str, self.options))
        raise SettingError(f"{key}={_shown(value)} is not known: expected {self.expected}{hint}")


class Listing(Kind):
    """A list of values of one kind; a single value is taken as a list of one."""

    def __init__(self, of: Kind, length: int | None = None) -> None:
        self.of, self.length = of, length
        self.expected = f"a list of {length or 'values'}, each {of.expected}"

    def _read(self, key: str, value: Any) -> tuple[Any, ...]:
        entries = _entries(value)
        if self.length is not None and len(entries) != self.length:
            wrong_type(key, value, self)
        return tuple(self.of.read(key, entry) for entry in entries)


def _entries(value: Any) -> list[Any]:
    if hasattr(value, "tolist"):  # arrays and tensors, their scalars too
        value = value.tolist()
    return list(value) if isinstance(value, list | tuple | set | frozenset | range) else [value]


class ImageSize(Kind):
    """A square size, or height and width, in pixels."""

    expected = f"a whole number from 1 to {LARGEST_SIDE}, or [height, width]"

    def _read(self, key: str, value: Any) -> int | tuple[int, int]:
        entries = _entries(value)
        if len(entries) not in (1, 2):
            out_of_range(key, value, self)
        if any(isinstance(entry, bool) or not isinstance(entry, Real) for entry in entries):
            wrong_type(key, value, self)
        sides = [Whole(1, LARGEST_SIDE).read(key, entry) for entry in entries]
        return sides[0] if len(sides) == 1 else (sides[0], sides[1])


class BatchSize(Kind):
    """A number of pictures, -1 to fit the memory of the GPU, or a share of that memory."""

    expected = "a whole number of at least 1, -1 (fit the GPU), or a share of its memory between 0 and 1"

    def _read(self, key: str, value: Any) -> int | float:
        number = _number(key, value, self)
        if 0 < number < 1:
            return float(number)
        if number == -1:
            return -1
        if number < 1:
            out_of_range(key, value, self)
        return int(number) if float(number).is_integer() else wrong_type(key, value, self)


class Device(Kind):
    """Where to compute: a word, one or several GPU numbers, or an object whose text is such a word."""

    expected = "cpu, mps, cuda, a GPU number (0), several (0,1 or cpu,cpu), or -1 (the idlest GPU)"

    def _read(self, key: str, value: Any) -> str:
        if isinstance(value, bool | float):
            wrong_type(key, value, self)
        text = ",".join(str(entry) for entry in _entries(value)).replace(" ", "").lower()
        return text if re.fullmatch(_DEVICE, text) else out_of_range(key, value, self)


class Transforms(Kind):
    """Transforms as objects, in the plain form that files hold, or the name of such a file.

    Whether objects are transforms of the package is checked where they are used: nothing is imported here.
    """

    expected = "a list of albumentations transforms, or a YAML or JSON file made by albumentations.save"

    def _read(self, key: str, value: Any) -> str | tuple[Any, ...]:
        if isinstance(value, str | os.PathLike):
            return Text(self.expected)._read(key, value)
        entries = tuple(value) if isinstance(value, list | tuple) else (value,)
        if not all(callable(entry) or isinstance(entry, Mapping) for entry in entries):
            wrong_type(key, value, self)
        return entries


class Either(Kind):
    """Any of several kinds; the first that takes a value decides its stored form."""

    def __init__(self, *kinds: Kind) -> None:
        self.kinds = kinds
        self.expected = " or ".join(kind.expected for kind in kinds)

    def _read(self, key: str, value: Any) -> Any:
        right_type = False
        for kind in self.kinds:
            try:
                return kind.read(key, value)
            except SettingTypeError:  # noqa: PERF203  # two or three kinds, once per run
                continue
            except SettingError:
                right_type = True
        return out_of_range(key, value, self) if right_type else wrong_type(key, value, self)


class Optionally(Kind):
    """None, or a value of `kind`."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.expected = f"none or {kind.expected}"

    def _read(self, key: str, value: Any) -> Any:
        return None if value is None else self.kind.read(key, value)


def takes(kind: Kind, value: Any) -> bool:
    """Return whether `kind` takes `value`."""
    try:
        kind.read("", value)
    except (SettingError, SettingTypeError):
        return False
    return True


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


@dataclass(frozen=True)
class _Declared:
    """A setting as it was written down; `settings_of` makes its kind of it and the annotation."""

    meaning: str
    unit: str
    low: float
    high: float | None
    what: str
    kind: Kind | None


def setting(
    default: Any,
    meaning: str,
    unit: str = "",
    *,
    low: float = 0,
    high: float | None = None,
    what: str = "text",
    kind: Kind | None = None,
) -> Any:
    """Return a dataclass field that is a setting; its annotation tells the values it takes.

    Args:
        default: the value when the user says nothing.
        meaning: half a sentence for tables.
        unit: unit of the value ("px", "frames"); empty for plain numbers and words.
        low: smallest number.
        high: largest number; None: no limit.
        what: what a text names, in words ("a folder").
        kind: the values, where the annotation cannot tell them; None among them where the annotation says so.
    """
    return dataclasses.field(default=default, metadata={"setting": _Declared(meaning, unit, low, high, what, kind)})


def again(owner: type["Settings"], key: str, *, default: Any, kind: Kind | None = None) -> Any:
    """Return the field `key` of `owner` with another default; `kind` narrows what this mode takes."""
    described = settings_of(owner)[key]
    return setting(default, described.meaning, described.unit, kind=kind or described.kind)


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


def settings_of(owner: type[Settings]) -> Mapping[str, Setting]:
    """Return key -> `Setting` of a class, in order of declaration."""
    return _described(owner)  # type: ignore[arg-type]  # mypy looks at the hash of an instance


@cache
def _described(owner: Any) -> Mapping[str, Setting]:
    found = {}
    for field in dataclasses.fields(owner):
        declared: _Declared = field.metadata["setting"]
        found[field.name] = Setting(_kind_of(field.type, declared), declared.meaning, declared.unit)
    return types.MappingProxyType(found)


def defaults_of(owner: type[Settings]) -> dict[str, Any]:
    """Return key -> default value of a class, in order of declaration."""
    return {field.name: field.default for field in dataclasses.fields(owner)}


def _kind_of(annotation: Any, declared: _Declared) -> Kind:
    """Return the kind of values that an annotation and a declaration name together."""
    members = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    kinds = [_plain_kind(member, declared) for member in members if member is not type(None) and not declared.kind]
    kind = declared.kind or (kinds[0] if len(kinds) == 1 else Either(*kinds))
    return Optionally(kind) if type(None) in members and not isinstance(kind, Optionally) else kind


def _plain_kind(annotation: Any, declared: _Declared) -> Kind:
    if annotation is bool:
        return Flag()
    if annotation is int:
        return Whole(declared.low, declared.high)
    if annotation is float:
        return Number(declared.low, declared.high)
    if annotation is str:
        return Text(declared.what)
    parts = get_args(annotation)
    if get_origin(annotation) is Literal:
        return Choice(parts)
    if get_origin(annotation) is tuple:
        entries = _kind_of(parts[0], declared)
        return Listing(entries, None if parts[-1] is Ellipsis else len(parts))
    raise TypeError(f"settings annotated {annotation} need kind=")
