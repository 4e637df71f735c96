"""The weights that posekit brings along."""

from pathlib import Path
from typing import Final

FIGURES_POSE: Final = "figures-pose.pt"
_FOLDER = Path(__file__).parent.parent / "weights"


def packaged_weights(filename: str) -> Path | None:
    """Return the file of the package for a name with or without ``.pt``; None if there is none of that name."""
    path = _FOLDER / FIGURES_POSE
    return path if filename in (path.name, path.stem) else None
