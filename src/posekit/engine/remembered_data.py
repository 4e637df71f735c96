"""The data set that a model remembers from its training, where it can still be found."""

from pathlib import Path

from posekit.data.builtin_sets import builtin_names, yaml_stem
from posekit.log import LOGGER


def find_remembered(data: object) -> str | None:
    """Return a data set to validate on: the remembered file, else the built-in one of its name, else None.

    Args:
        data: what a checkpoint says, which may be a path of another machine.
    """
    if not isinstance(data, str) or not data:
        return None
    if Path(data).exists() or data in builtin_names():
        return data
    name = data.replace("\\", "/").rpartition("/")[2]
    if yaml_stem(name) in builtin_names():
        return name
    LOGGER.warning("the model was trained on %s, which is not here", data)
    return None
