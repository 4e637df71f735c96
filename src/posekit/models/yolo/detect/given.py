"""What the classes that people import are made from: settings of any mode, a dictionary, or a YAML file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from posekit.config.check import AnySettings, build, resolve
from posekit.config.field import Settings, defaults_of, settings_of
from posekit.config.modes import TASKS
from posekit.errors import SettingError
from posekit.log import LOGGER
from posekit.models.opening import AnyModel, open_model

# What the parameters ``cfg`` and ``args`` take: all settings, some by name, or a YAML file of them.
AnyCfg: TypeAlias = Settings | Mapping[str, Any] | str | Path | None
_NO_SETTINGS = ("task", "mode", "model", "source")


def read_given(cfg: AnyCfg, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what is given, by name; of settings of any mode what differs from their defaults.

    Args:
        cfg: settings to begin with.
        overrides: settings that count more.
    """
    given: dict[str, Any] = {}
    if isinstance(cfg, Settings):
        defaults = defaults_of(type(cfg))
        given = {key: value for key, value in vars(cfg).items() if value != defaults.get(key)}
    elif isinstance(cfg, Mapping):
        given = dict(cfg)
    elif cfg is not None:
        given = {"cfg": str(cfg)}
    return given | dict(overrides or {})


def settings_from(owner: type[AnySettings], given: Mapping[str, Any], defaults: Mapping[str, Any]) -> AnySettings:
    """Return the settings of a mode.

    Args:
        owner: the mode's.
        given: what `read_given` found; the model and its source are left aside.
        defaults: what counts where nothing is given.

    Raises:
        UnknownSettingError, SettingTypeError, SettingError: a setting is wrong.
    """
    known = resolve(owner, {key: value for key, value in given.items() if key not in _NO_SETTINGS})
    fitting = {key: value for key, value in defaults.items() if key in settings_of(owner) and known.get(key) is None}
    return build(owner, {**known, **fitting})


def open_given(given: Mapping[str, Any], task: str) -> AnyModel:
    """Return the model that is given, or with a warning the task's own.

    Raises:
        SettingError: it is of another task; and what `open_model` raises.
    """
    name = str(given.get("model") or TASKS[task].model)
    if not given.get("model"):
        LOGGER.warning("no model given: taking %s; name another with model=FILE", name)
    opened = open_model(name)
    if opened.loaded.task != task:
        raise SettingError(f"model={name} is a {opened.loaded.task} model: take one for {task}, or its own class")
    return opened
