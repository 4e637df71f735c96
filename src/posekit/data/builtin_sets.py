"""The data sets whose YAML comes with the package."""

from importlib.resources import files
from typing import Any

from posekit.data.yaml_file import parse_yaml

YAML_SUFFIXES = (".yaml", ".yml")


def builtin_names() -> list[str]:
    """Return the names of all built-in data sets, such as ``coco8-pose``, sorted."""
    folder = files("posekit.data").joinpath("builtin")
    return sorted(yaml_stem(file.name) for file in folder.iterdir() if file.name.endswith(YAML_SUFFIXES))


def builtin_keys(name: str) -> dict[str, Any] | None:
    """Return the keys of a built-in dataset YAML; None when there is none of this name.

    Args:
        name: with or without ``.yaml``.
    """
    stem = yaml_stem(name)
    if stem not in builtin_names():
        return None
    file = files("posekit.data").joinpath("builtin", f"{stem}.yaml")
    return parse_yaml(file.read_bytes(), file.name)


def yaml_stem(name: str) -> str:
    """Return the name of a YAML without its suffix."""
    return name.removesuffix(".yaml").removesuffix(".yml")
