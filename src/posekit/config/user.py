"""The user's own settings: folders and loggers, kept in one JSON file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from posekit.config.kinds import Settings, defaults_of, question, setting, settings_of
from posekit.config.parse import write_value
from posekit.errors import SettingError, SettingTypeError
from posekit.files.reading import exists, read_file
from posekit.files.user_folders import config_folder, data_folder
from posekit.files.writing import naming_errors, replacing_durably
from posekit.log import LOGGER


@dataclass(frozen=True, kw_only=True)
class UserSettings(Settings):
    """What holds for all runs of a user. Relative folders count from the working directory."""

    command: ClassVar[str] = "settings"

    datasets_dir: str = setting("datasets", "folder of data sets", what="a folder")
    weights_dir: str = setting("", "folder of downloaded weights", what="a folder")
    runs_dir: str = setting("runs", "folder of results", what="a folder")
    tensorboard: bool = setting(False, "log training to TensorBoard")
    wandb: bool = setting(False, "log training to Weights & Biases")
    mlflow: bool = setting(False, "log training to MLflow")

    def __post_init__(self) -> None:
        if not self.weights_dir:
            object.__setattr__(self, "weights_dir", str(data_folder() / "weights"))
        super().__post_init__()
        for key in ("datasets_dir", "weights_dir", "runs_dir"):
            object.__setattr__(self, key, _folder(key, getattr(self, key)))


def _folder(key: str, text: str) -> str:
    """Return a folder with ``~`` written out."""
    if "\0" in text:
        raise SettingError(f"{key}={text!r} cannot be a folder")
    try:
        return str(Path(text).expanduser())
    except RuntimeError as error:
        raise SettingError(f"{key}={text}: there is no such user, or no home folder") from error


def settings_file() -> Path:
    """Return the path of the settings file, whether it exists or not."""
    return config_folder() / "settings.json"


def load_user_settings() -> UserSettings:
    """Return the user's settings, defaults where no entry of the file says otherwise; a damaged file is refused."""
    return UserSettings(**_known(_read(), str(settings_file())))


def change_user_settings(values: Mapping[str, Any]) -> UserSettings:
    """Store `values` over the present settings and return all; an unknown key is named in a warning and left out.

    Raises:
        SettingTypeError: a value has the wrong type; nothing is stored.
        SettingError: the present file is damaged.
        OutputError: the new one cannot be written.
    """
    stored = _known(_read(), str(settings_file())) | _known(values, "settings")
    changed = UserSettings(**stored)
    _write({key: getattr(changed, key) for key in stored})
    return changed


def reset_user_settings() -> UserSettings:
    """Store and return the defaults, whatever the file held."""
    _write({})
    return UserSettings()


def as_dict(settings: UserSettings) -> dict[str, Any]:
    """Return the settings as plain values, in order of declaration."""
    return {key: getattr(settings, key) for key in settings_of(UserSettings)}


def _known(values: Mapping[str, Any], place: str) -> dict[str, Any]:
    defaults = {key: write_value(value) for key, value in defaults_of(UserSettings).items() if value != ""}
    for key in values:
        if key not in settings_of(UserSettings):
            known = settings_of(UserSettings)
            hint = question(key, known, defaults) or f": known are {', '.join(known)}"
            LOGGER.warning("%s: '%s' is not a known setting%s", place, key, hint)
    return {key: value for key, value in values.items() if key in settings_of(UserSettings)}


def _read() -> dict[str, Any]:
    file = settings_file()
    if not exists(file):
        return {}
    data = read_file(file, SettingError, name=f"the settings file {file}")
    try:
        content = json.loads(data)
        if not isinstance(content, dict):
            raise SettingError("it holds no object")
        UserSettings(**{key: value for key, value in content.items() if key in settings_of(UserSettings)})
    except (ValueError, SettingTypeError, RecursionError) as error:
        raise SettingError(
            f"the settings file {file} is damaged ({error}): 'posekit settings reset' writes a fresh one"
        ) from error
    return content


def _write(values: Mapping[str, Any]) -> None:
    file = settings_file()
    name, advice = f"the settings file {file}", "; POSEKIT_CONFIG_DIR names another folder"
    with naming_errors(name, advice), replacing_durably(file) as draft:
        draft.write_text(json.dumps(values, indent=2), encoding="utf-8")


def runs_folder(task: str, project: str | None) -> Path:
    """Return the folder of runs, such as ``runs/pose``; below it `project`, unless that is an absolute path."""
    return Path(load_user_settings().runs_dir) / task / (project or "")
