"""The folder through which processes that work together and the one that has started them hand each other things."""

import pickle
from pathlib import Path
from typing import Any

from posekit.files.whole_file import write_whole


class Exchange:
    """Python objects by name, each in a file that appears whole or not at all.

    The files are pickles: the folder has to be one that nobody else may write to, as temporary folders are.

    Args:
        folder: where the files are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, name: str, value: object) -> None:
        """Leave an object under a name.

        Raises:
            OutputError: it cannot be written.
        """
        write_whole(self._path(name), pickle.dumps(value))

    def get(self, name: str) -> Any:
        """Return what was left under a name; None when nothing was."""
        path = self._path(name)
        return pickle.loads(path.read_bytes()) if path.is_file() else None

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.pickle"
