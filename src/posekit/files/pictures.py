"""Pictures written whole or not at all."""

from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
from numpy.typing import NDArray

from posekit.errors import OutputError, SettingError
from posekit.files.writing import replacing, write_whole

# The JPEG format holds no longer side.
_MAX_SIDE = 65_500


def save_jpeg(path: Path, image: NDArray[np.uint8]) -> None:
    """Write a BGR picture as JPEG; a reader sees the whole file or none.

    Raises:
        OutputError: a side is too long for JPEG, or the file cannot be written.
    """
    height, width = image.shape[:2]
    if max(height, width) > _MAX_SIDE:
        raise OutputError(f"{path}: {width}x{height} pixels do not fit into a JPEG, whose longest side is {_MAX_SIDE}")
    encoded, data = cv2.imencode(".jpg", image)
    if not encoded:
        raise OutputError(f"{path}: the picture cannot be encoded as JPEG")
    write_whole(path, data.tobytes())


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


JPEG_QUALITY = 92


def jpeg_bytes(picture: NDArray[np.uint8], quality: int = JPEG_QUALITY) -> bytes:
    """Encode an (H, W, 3) uint8 BGR picture.

    Args:
        picture: no side longer than 65,500 pixels, and none of them 0.
        quality: 1 to 100.

    Raises:
        OutputError: the picture does not fit into a JPEG.
    """
    done = False
    if 0 not in picture.shape:
        done, data = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, quality))
    if not done:
        raise OutputError(f"a picture of shape {picture.shape} does not fit into a JPEG: a side is 1 to 65,500 pixels")
    return data.tobytes()
