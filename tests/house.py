"""The files of the package, and how many lines its rooms have."""

from collections import defaultdict
from pathlib import Path

import posekit

PACKAGE = Path(posekit.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))


def lines_per_room():
    """Return (files, lines) by room, such as ``data/coco``."""
    rooms = defaultdict(lambda: (0, 0))
    for path in FILES:
        room = "/".join(path.relative_to(PACKAGE).parts[:-1][:2]) or "."
        files, lines = rooms[room]
        rooms[room] = files + 1, lines + path.read_text(encoding="utf-8").count("\n")
    return dict(rooms)
