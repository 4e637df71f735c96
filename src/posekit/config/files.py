"""Settings from a YAML file (``cfg=file.yaml``)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posekit.config.parse import TEXT_KEYS, read_value
from posekit.errors import SettingError


def read_cfg(path: str | Path) -> dict[str, Any]:
    """Return the settings of a YAML file, their texts read as on the command line (so 1e-3 is a number).

    Raises:
        SettingError: the file is missing, is no YAML, or holds something else than ``key: value`` lines.
    """
    import yaml

    file = Path(path)
    if not file.is_file():
        raise SettingError(f"cfg={path}: there is no such file; posekit copy-cfg writes one to start from")
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingError(f"cfg={path} is not a YAML file: {error}") from error
    if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
        raise SettingError(f"cfg={path} must hold lines of the form 'key: value'")
    return {key: _value(key, value) for key, value in content.items()}


def _value(key: str, value: Any) -> Any:
    if key in TEXT_KEYS and value is not None:
        return str(value)
    return read_value(key, value) if isinstance(value, str) else value
