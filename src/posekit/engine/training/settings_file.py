"""``args.yaml``: the settings of a run, as plain values."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from posekit.augment.transform_list import stored_transforms
from posekit.config.train import TrainSettings
from posekit.files.whole_file import write_whole


def plain_settings(settings: TrainSettings) -> dict[str, Any]:
    """Return the settings as plain values, lists in place of tuples, for files and other processes."""
    values = {field.name: getattr(settings, field.name) for field in fields(settings)}
    values["augmentations"] = stored_transforms(values["augmentations"])
    return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}


def write_settings(settings: TrainSettings, folder: Path) -> None:
    """Write ``args.yaml`` into the folder of a run: the settings as the user left them, and the folder.

    Raises:
        OutputError: the file cannot be written.
    """
    values = plain_settings(settings) | {"save_dir": str(folder)}
    write_whole(folder / "args.yaml", yaml.safe_dump(values, sort_keys=False).encode())
