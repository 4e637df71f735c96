"""Pictures encoded, and written whole or not at all."""

from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
from numpy.typing import NDArray

from posekit.errors import OutputError, SettingError
from posekit.files.writing import write_whole

# Of JPEG files in reports, sheets and data sets; OpenCV's own choice, 95, is for results.
SMALL_QUALITY = 92


def encode_picture(picture: NDArray[np.uint8], suffix: str = ".jpg", quality: int | None = SMALL_QUALITY) -> bytes:
    """Encode an (H, W, 3) uint8 BGR or (H, W) uint8 grey picture; `quality` (1 to 100) is that of a JPEG.

    Raises:
        OutputError: the format does not hold such a picture; no side of a JPEG is longer than 65,500 pixels.
    """
    options = () if quality is None or suffix != ".jpg" else (cv2.IMWRITE_JPEG_QUALITY, quality)
    done = False
    if 0 not in picture.shape:
        done, data = cv2.imencode(suffix, picture, options)
    if not done:
        fit = "does not fit into a JPEG: a side is 1 to 65,500 pixels"
        raise OutputError(f"a picture of shape {picture.shape} {fit if suffix == '.jpg' else f'does not fit {suffix}'}")
    return data.tobytes()


def write_picture(path: str | Path, picture: NDArray[np.uint8], quality: int | None = None) -> str:
    """Encode a picture by the suffix of `path` (.jpg, .png, .webp, ...), put it there in one step, and return the path.

    Folders are made. Picture and quality are as for `encode_picture`; None: the quality of OpenCV.

    Raises:
        SettingError: OpenCV writes no format of that suffix.
        OutputError: the format does not hold the picture, or the file cannot be written.
    """
    path = Path(path)
    if not _is_writable(path.suffix):
        raise SettingError(f"cannot write {path}: no picture format is called {path.suffix!r}; use .jpg, .png or .webp")
    try:
        data = encode_picture(picture, path.suffix, quality)
    except OutputError as error:
        raise OutputError(f"cannot write {path}: {error}") from error
    write_whole(path, data)
    return str(path)


def default_picture_name(source: str) -> str:
    """Return ``results_<name of the source>``, with ``.jpg`` added where that is no picture's name."""
    path = urlsplit(source).path if "://" in source else source
    name = f"results_{Path(path).name}"
    return name if _is_writable(Path(name).suffix) else f"{name}.jpg"


def _is_writable(suffix: str) -> bool:
    return suffix[1:].isalnum() and cv2.haveImageWriter(f"picture{suffix}")
