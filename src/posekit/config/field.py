"""How a setting is declared: a dataclass field whose metadata says what it takes and means."""

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

from posekit.config.kinds import Kind


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
