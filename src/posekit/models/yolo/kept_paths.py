"""Import paths that are kept for the classes of `posekit.tasks`, such as `posekit.models.yolo.pose.PoseTrainer`.

People import them from there, and from `train`, `predict` and `val` below. The classes need the engine, which stands
above this room: so they are fetched when they are first asked for, and nothing here imports them.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

PARTS = ("train", "predict", "val")


def keep_path(module: str, names: tuple[str, ...]) -> Callable[[str], Any]:
    """Return what a module `module` needs for a `__getattr__` to give classes of `posekit.tasks` by these names.

    The module goes by the names of its parts, too: `posekit.models.yolo.pose.train` is `posekit.models.yolo.pose`.
    """
    for part in PARTS:
        sys.modules[f"{module}.{part}"] = sys.modules[module]

    def fetch(name: str) -> Any:
        if name in PARTS:
            return sys.modules[module]
        if name not in names:
            raise AttributeError(f"module '{module}' has no attribute '{name}'; it has {', '.join(names)}")
        return getattr(import_module("posekit.tasks"), name)

    return fetch
