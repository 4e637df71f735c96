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
    found = _located(data)
    if found is None:
        LOGGER.warning("the model was trained on %s, which is not here", data)
    else:
        LOGGER.warning("no data given: taking %s, which the model was trained on; name another with data=FILE", found)
    return found


def _located(data: str) -> str | None:
    if Path(data).exists():
        return data
    name = data.replace("\\", "/").rpartition("/")[2]
    return name if yaml_stem(name) in builtin_names() else None
