"""From keys and values as users give them to a group of checked settings."""

from collections.abc import Mapping
from dataclasses import MISSING
from pathlib import Path
from typing import Any, TypeVar

from posekit.config.commands import CommandSettings, modes_by_key
from posekit.config.kinds import Flag, Settings, defaults_of, question, settings_of, takes
from posekit.config.parse import TEXT_KEYS, read_value, write_value
from posekit.errors import SettingError, UnknownSettingError
from posekit.files.reading import read_yaml
from posekit.log import LOGGER

# old name -> (name, whether the meaning is reversed)
RENAMED = {
    "boxes": ("show_boxes", False),
    "hide_labels": ("show_labels", True),
    "hide_conf": ("show_conf", True),
    "line_thickness": ("line_width", False),
    "end2end": ("nms", True),
}

IGNORED = {
    "label_smoothing": "it was removed",
    "save_hybrid": "it was removed",
    "crop_fraction": "there is no classify task",
    "dropout": "there is no classify task",
    "auto_augment": "there is no classify task",
    "erasing": "there is no classify task",
    "angle": "there is no obb task",
    "dlog": "there is no depth task",
    "dgrad": "there is no depth task",
    "dlam": "there is no depth task",
    "keras": "exports never go through Keras",
    "dnn": "ONNX files run in onnxruntime",
}

# ways to ask for a precision -> bits when true
PRECISION_FLAGS = {"half": 16, "int8": 8}
PRECISION_NAMES = (*PRECISION_FLAGS, "quantize", "precision")


def read_cfg(path: str | Path) -> dict[str, Any]:
    """Return the settings of a YAML file, their texts read as on the command line (so 1e-3 is a number).

    Raises:
        SettingError: the file is missing, is no YAML, or holds something else than ``key: value`` lines.
    """
    absent = SettingError(f"cfg={path}: there is no such file; posekit copy-cfg writes one to start from")
    content = read_yaml(Path(path), SettingError, absent=absent, name=f"cfg={path}")
    if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
        raise SettingError(f"cfg={path} must hold lines of the form 'key: value'")
    return {key: _value(key, value) for key, value in content.items()}


def _value(key: str, value: Any) -> Any:
    if key in TEXT_KEYS and value is not None:
        return str(value)
    return read_value(key, value) if isinstance(value, str) else value


def current_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` under today's names: old ones mapped and removed ones dropped, each with a warning.

    Raises:
        SettingError: one setting is given twice, or two precisions are asked for.
        SettingTypeError: a flag that must be turned round is not true or false.
    """
    current: dict[str, Any] = {}
    for key, value in values.items():
        if key in IGNORED:
            LOGGER.warning("'%s' has no effect: %s", key, IGNORED[key])
        elif key in RENAMED:
            name, renamed = _renamed(key, value)
            if name in values:
                raise SettingError(f"'{key}' is the old name of '{name}': give only {name}={values[name]}")
            current[name] = renamed
        elif key not in PRECISION_NAMES:
            current[key] = value
    return current | _precision(values)


def _renamed(key: str, value: Any) -> tuple[str, Any]:
    name, reversed_meaning = RENAMED[key]
    if reversed_meaning and value is not None:
        value = not Flag().read(key, value)
    LOGGER.warning("'%s' is an old name: use %s=%s", key, name, value)
    return name, value


def _precision(values: Mapping[str, Any]) -> dict[str, Any]:
    given = {key: values[key] for key in PRECISION_NAMES if values.get(key) is not None}
    flags = {key: Flag().read(key, given[key]) for key in PRECISION_FLAGS if key in given}
    asked = [PRECISION_FLAGS[key] for key, on in flags.items() if on]
    asked += [given[key] for key in ("quantize", "precision") if key in given]
    if any(bits != asked[0] for bits in asked):
        words = " and ".join(f"{key}={value}" for key, value in given.items())
        raise SettingError(f"{words} ask for different precisions: give only one")
    if asked:
        return {"precision": asked[0]}
    return {"precision": 32} if flags else {}


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
    own = settings_of(owner)
    if values.keys() <= own.keys():
        return
    others = modes_by_key().keys() | settings_of(CommandSettings).keys()
    unknown = [key for key in values if key not in own and key not in others]
    if unknown:
        defaults = {key: write_value(value) for key, value in defaults_of(owner).items() if value is not MISSING}
        raise UnknownSettingError(
            "; ".join(
                f"'{key}' is not a setting of {owner.command}"
                f"{question(key, [*own, *others], defaults) or ': posekit cfg lists them all'}"
                for key in unknown
            )
        )
