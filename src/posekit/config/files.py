"""Settings from a YAML file (``cfg=file.yaml``)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posekit.config.parse import TEXT_KEYS, read_value
from posekit.errors import SettingError
from posekit.log import one_line


def read_cfg(path: str | Path) -> dict[str, Any]:
    """Return the settings of a YAML file, their texts read as on the command line (so 1e-3 is a number).

    Raises:
        SettingError: the file is missing, is no YAML, or holds something else than ``key: value`` lines.
    """
    import yaml

    data = _read(path)
    try:
        content = yaml.safe_load(data)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a ValueError: of what looks like a date
        raise SettingError(f"cfg={path} is not a YAML file: {one_line(str(error))}") from error
    if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
        raise SettingError(f"cfg={path} must hold lines of the form 'key: value'")
    return {key: _value(key, value) for key, value in content.items()}


def _read(path: str | Path) -> bytes:
    file = Path(path)
    try:
        if not file.exists():
            raise SettingError(f"cfg={path}: there is no such file; posekit copy-cfg writes one to start from")
        if not file.is_file():
            raise SettingError(f"cfg={path} is not a file, but a folder, pipe or device")
        return file.read_bytes()
    except OSError as error:
        raise SettingError(f"cfg={path} cannot be read ({error.strerror})") from error


def _value(key: str, value: Any) -> Any:
    if key in TEXT_KEYS and value is not None:
        return str(value)
    return read_value(key, value) if isinstance(value, str) else value
