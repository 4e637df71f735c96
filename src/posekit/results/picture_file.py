"""Pictures written whole or not at all."""

from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
from numpy.typing import NDArray

from posekit.errors import SettingError
from posekit.files.atomic import replacing


def write_picture(path: str | Path, picture: NDArray[np.uint8]) -> str:
    """Encode a picture by the suffix of `path` and put it there in one step; folders are made.

    Args:
        path: where to; the suffix (.jpg, .png, .webp, ...) chooses the format.
        picture: (H, W, 3) uint8, BGR.

    Returns:
        The path, as text.

    Raises:
        SettingError: OpenCV writes no format of that suffix.
    """
    path = Path(path)
    if not _is_writable(path.suffix):
        raise SettingError(f"cannot write {path}: no picture format is called {path.suffix!r}; use .jpg, .png or .webp")
    done, encoded = cv2.imencode(path.suffix, picture)
    if not done:
        raise SettingError(f"cannot write {path}: a {picture.shape} picture does not fit the format {path.suffix}")
    with replacing(path) as partial:
        partial.write_bytes(encoded.tobytes())
    return str(path)


def default_picture_name(source: str) -> str:
    """Return ``results_<name of the source>``, with ``.jpg`` added where that is no picture's name."""
    path = urlsplit(source).path if "://" in source else source
    name = f"results_{Path(path).name}"
    return name if _is_writable(Path(name).suffix) else f"{name}.jpg"


def _is_writable(suffix: str) -> bool:
    return suffix[1:].isalnum() and cv2.haveImageWriter(f"picture{suffix}")
