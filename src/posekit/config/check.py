"""From keys and values as users give them to a group of checked settings."""

from collections.abc import Mapping
from dataclasses import MISSING
from typing import Any, TypeVar

from posekit.config.commands import CommandSettings
from posekit.config.field import Settings, defaults_of, settings_of
from posekit.config.files import read_cfg
from posekit.config.kinds import takes
from posekit.config.modes import modes_by_key
from posekit.config.old_names import current_names
from posekit.config.parse import write_value
from posekit.config.suggest import question
from posekit.errors import UnknownSettingError
from posekit.log import LOGGER

AnySettings = TypeVar("AnySettings", bound=Settings)


def build(owner: type[AnySettings], values: Mapping[str, Any]) -> AnySettings:
    """Return `owner` with `values`, checked, over its defaults.

    Old names are mapped and settings of other modes dropped, each with a warning. ``cfg`` names a YAML
    file whose settings count where `values` has none. None stands for the default of a setting that
    has no None of its own.

    Raises:
        UnknownSettingError: a key is not known, or a needed one is missing.
        SettingTypeError: a value has the wrong type.
        SettingError: a value is out of range, or the ``cfg`` file cannot be read.
    """
    return owner(**_given(owner, values))


def resolve(owner: type[Settings], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the checked values of those settings that are given in `values` or its ``cfg`` file.

    They stand under their current names: `build` takes the answer without any further warning.
    Raises what `build` raises.
    """
    given = _given(owner, values)
    settings = owner(**given)
    return {key: getattr(settings, key) for key in given}


def _given(owner: type[Settings], values: Mapping[str, Any]) -> dict[str, Any]:
    given = _known(owner, current_names({key: value for key, value in values.items() if key != "cfg"}))
    if values.get("cfg") is not None:
        given = _known_in_file(owner, read_cfg(values["cfg"])) | given
    described = settings_of(owner)
    given = {key: value for key, value in given.items() if value is not None or takes(described[key].kind, None)}
    for key, default in defaults_of(owner).items():
        if default is MISSING and key not in given:
            raise UnknownSettingError(f"{owner.command} needs {key}=...: {described[key].meaning}")
    return given


def _known(owner: type[Settings], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of `owner` in `values`; warn of those of other modes, raise for unknown ones."""
    _refuse_unknown(owner, values)
    own = settings_of(owner)
    for key, value in values.items():
        if key not in own:
            _check_elsewhere(key, value)
            LOGGER.warning("'%s' has no effect in %s", key, owner.command)
    return {key: value for key, value in values.items() if key in own}


def _check_elsewhere(key: str, value: Any) -> None:
    """Check the value of a setting of other modes all the same: it is a mistake in any mode."""
    modes = modes_by_key().get(key)
    if modes and value is not None:
        settings_of(modes[0].settings)[key].kind.read(key, value)


def _known_in_file(owner: type[Settings], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of `owner` in a file; one file may serve all modes, so others are no reason to warn."""
    values = current_names(values)
    _refuse_unknown(owner, values)
    return {key: value for key, value in values.items() if key in settings_of(owner)}


def _refuse_unknown(owner: type[Settings], values: Mapping[str, Any]) -> None:
    own, others = settings_of(owner), modes_by_key().keys() | settings_of(CommandSettings).keys()
    defaults = {key: write_value(value) for key, value in defaults_of(owner).items() if value is not MISSING}
    unknown = [key for key in values if key not in own and key not in others]
    if unknown:
        raise UnknownSettingError(
            "; ".join(
                f"'{key}' is not a setting of {owner.command}"
                f"{question(key, [*own, *others], defaults) or ': posekit cfg lists them all'}"
                for key in unknown
            )
        )
