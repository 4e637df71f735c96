"""Names that the reference implementation has for arguments of ``train``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from posekit.errors import SettingError
from posekit.models.rfdetr.recipe import SETTINGS

NAMES: Final = {"dataset_dir": "data", "batch_size": "batch", "lr": "lr0", "num_workers": "workers"}


def settings_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings for arguments of either name; ``output_dir`` becomes the folder of the run.

    ``grad_accum_steps`` batches make a step, so that the nominal batch is as many times larger.

    Raises:
        SettingError: an argument is given under both of its names, or ``grad_accum_steps`` is no number of batches.
    """
    twice = [f"{name} and {ours}" for name, ours in NAMES.items() if name in arguments and ours in arguments]
    if twice:
        raise SettingError(f"{twice[0]} are two names of one setting: give one of them")
    settings = {NAMES.get(name, name): value for name, value in arguments.items()}
    folder, steps = settings.pop("output_dir", None), settings.pop("grad_accum_steps", None)
    if folder is not None:
        path = Path(folder).absolute()
        settings |= {"project": str(path.parent), "name": path.name, "exist_ok": True}
    if steps is not None:
        if type(steps) is not int or steps < 1:
            raise SettingError(f"grad_accum_steps={steps!r} must be a number of batches, 1 or more")
        settings["nbs"] = settings.get("batch", SETTINGS["batch"]) * steps
    return settings
