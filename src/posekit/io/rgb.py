"""Pictures in RGB, as they are handed to RF-DETR models: files, PIL images, arrays and tensors."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from posekit.config.user_folders import data_folder
from posekit.errors import SourceNotFoundError, SourceTypeError, SourceValueError
from posekit.io.convert import from_pil
from posekit.io.decode import read_image
from posekit.io.memory import is_in_memory, is_tensor
from posekit.io.urls import download, is_url
from posekit.sample import Floats, Picture

if TYPE_CHECKING:
    from PIL.Image import Image

_ACCEPTED = (
    "a path or URL, a PIL image, an RGB array (H, W, 3) of uint8 or of floats in [0, 1], or an RGB tensor (3, H, W)"
)


def picture_of(image: Any) -> Picture | Floats:
    """Return a picture as (H, W, 3) BGR: uint8, or float32 in 0 ... 255 where floats were given.

    Args:
        image: a path or URL; a PIL image; an RGB array (H, W, 3) of uint8 or of floats in [0, 1], of any memory
            layout; an RGB tensor (3, H, W) of floats in [0, 1].

    Raises:
        SourceNotFoundError: there is no such file.
        SourceTypeError: another kind of object.
        SourceValueError: another shape, or values outside [0, 1].
        UnreadableImageError: the picture cannot be decoded.
        DownloadError: the picture cannot be fetched.
    """
    if isinstance(image, str | Path):
        return read_image(_file(image))
    if is_tensor(image):
        return _bgr(_channels_last(image.detach().cpu().numpy()))
    if isinstance(image, np.ndarray):
        return _bgr(image)
    if is_in_memory(image):
        return from_pil(cast("Image", image))
    raise SourceTypeError(f"{type(image).__name__} is no picture: pass {_ACCEPTED}")


def _file(name: str | Path) -> Path:
    if isinstance(name, str) and is_url(name):
        return download(name, data_folder() / "downloads")
    if not Path(name).is_file():
        raise SourceNotFoundError(f"{name} does not exist: check the spelling and the folder")
    return Path(name)


def _channels_last(array: NDArray[Any]) -> NDArray[Any]:
    if array.ndim != 3 or array.shape[0] != 3 or array.dtype.kind != "f":
        raise SourceValueError(
            f"tensor of shape {array.shape} and {array.dtype} is no picture: pass (3, H, W) RGB of floats in [0, 1]"
        )
    return array.transpose(1, 2, 0)


def _bgr(array: NDArray[Any]) -> Picture | Floats:
    if array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise SourceValueError(f"array of shape {array.shape} is no picture: pass (H, W, 3) RGB")
    if array.dtype == np.uint8:
        reversed_channels: Picture = array[..., ::-1]
        return reversed_channels
    if array.dtype.kind != "f":
        raise SourceTypeError(f"array of {array.dtype} is no picture: pass uint8, or floats in [0, 1]")
    if not (array.min() >= 0 and array.max() <= 1):  # also for NaN
        raise SourceValueError("array of floats has values outside [0, 1]: divide by 255, or pass uint8")
    return array[..., ::-1].astype(np.float32) * np.float32(255)
