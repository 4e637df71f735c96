"""Turn pictures in memory (PIL images, arrays, tensors) into (H, W, 3) uint8 BGR."""

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from posekit.errors import SourceTypeError, SourceValueError, UnreadableImageError
from posekit.log import LOGGER
from posekit.sample import Floats, Origin, Picture, Sample

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor


STRIDE = 32
_ARRAY_ADVICE = "pass (H, W, 3) uint8 in BGR order"


def from_pil(image: "Image") -> Picture:
    """Turn a PIL image into a BGR picture (H, W, 3) uint8.

    EXIF orientation is applied, alpha dropped, gray repeated, and of 16-bit values the high byte kept.

    Raises:
        SourceValueError: 32-bit values.
        UnreadableImageError: the file behind a lazily opened image is damaged.
    """
    from PIL import ExifTags, ImageOps

    try:
        # Asking first spares the copy that exif_transpose makes of a picture that is upright already.
        rotated = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
        return _bgr_of(ImageOps.exif_transpose(image) if rotated else image)
    except OSError as error:
        name = getattr(image, "filename", "") or "PIL image"
        raise UnreadableImageError(f"{name}: its pixels cannot be decoded ({error})") from error


def _bgr_of(image: "Image") -> Picture:
    if image.mode.startswith("I;16"):
        return from_array(np.asarray(image).astype(np.uint16))
    if image.mode in ("I", "F"):
        values = "integer" if image.mode == "I" else "float"
        raise SourceValueError(f"32-bit {values} pixels have no fixed range: save as 8 or 16 bits per channel")
    rgb = np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
    return _uint8(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))


def from_array(array: NDArray[Any]) -> Picture:
    """Turn an array into a BGR picture. Three channels are taken to be BGR already.

    Args:
        array: (H, W), (H, W, 1) gray, (H, W, 2) gray and alpha, (H, W, 3) BGR or (H, W, 4) BGRA; uint8,
            or uint16 of which the high byte is kept. Any memory layout, negative strides included.

    Returns:
        (H, W, 3) uint8 BGR, contiguous; the same memory when `array` is that already.

    Raises:
        SourceTypeError: another number type, such as float.
        SourceValueError: another shape, or no pixels.
    """
    if array.dtype not in (np.uint8, np.uint16):
        hint = "multiply by 255 and convert" if array.dtype.kind == "f" else "convert"
        raise SourceTypeError(
            f"array of {array.dtype} is no picture: {hint} with .astype(numpy.uint8), or {_ARRAY_ADVICE}"
        )
    _check_shape(array.shape)
    pixels = (array >> 8).astype(np.uint8) if array.dtype == np.uint16 else array
    if pixels.ndim == 2 or pixels.shape[2] <= 2:
        gray = pixels if pixels.ndim == 2 else pixels[..., 0]
        return np.repeat(gray[..., None], 3, axis=2)
    return _uint8(np.ascontiguousarray(pixels[..., :3]))


def _check_shape(shape: tuple[int, ...]) -> None:
    told = f"array of shape {shape} is no picture: "
    if len(shape) == 4:
        raise SourceValueError(f"{told}pass a batch as list(array), each of it (H, W, 3)")
    if len(shape) == 3 and shape[0] in (1, 3) and shape[2] > 4:
        raise SourceValueError(f"{told}channels come last, use array.transpose(1, 2, 0)")
    if len(shape) not in (2, 3) or (len(shape) == 3 and not 1 <= shape[2] <= 4):
        raise SourceValueError(f"{told}{_ARRAY_ADVICE}")
    if 0 in shape:
        raise SourceValueError(f"{told}it has no pixels")


def from_rgb(image: "NDArray[Any] | Tensor") -> Picture | Floats:
    """Turn RGB values into a BGR picture (H, W, 3): uint8, or float32 in 0 ... 255 where floats were given.

    Args:
        image: an array (H, W, 3) of uint8 or of floats in [0, 1], of any memory layout; a tensor (3, H, W) of floats
            in [0, 1].

    Raises:
        SourceTypeError: another number type.
        SourceValueError: another shape, or values outside [0, 1].
    """
    if not isinstance(image, np.ndarray):
        array = image.detach().cpu().numpy()
        if array.ndim != 3 or array.shape[0] != 3 or array.dtype.kind != "f":
            told = f"tensor of shape {array.shape} and {array.dtype} is no picture"
            raise SourceValueError(f"{told}: pass (3, H, W) RGB of floats in [0, 1]")
        image = array.transpose(1, 2, 0)
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise SourceValueError(f"array of shape {image.shape} is no picture: pass (H, W, 3) RGB")
    if image.dtype == np.uint8:
        return _uint8(image[..., ::-1])
    if image.dtype.kind != "f":
        raise SourceTypeError(f"array of {image.dtype} is no picture: pass uint8, or floats in [0, 1]")
    if not (image.min() >= 0 and image.max() <= 1):  # also for NaN
        raise SourceValueError("array of floats has values outside [0, 1]: divide by 255, or pass uint8")
    return image[..., ::-1].astype(np.float32) * np.float32(255)


def from_tensor(tensor: "Tensor") -> "list[Sample]":
    """Turn a ready network input into samples that keep it.

    Args:
        tensor: (B, 3, H, W) RGB, float in [0, 1], H and W multiples of 32. A single (3, H, W) is accepted
            with a warning; so are values above 1, which are divided by 255.

    Returns:
        B samples named ``image0.jpg``, ...: `Sample.tensor` is (3, H, W) float32 on the device of the input,
        `Sample.image` its 8-bit BGR rendering, so that coordinates are pixels of H x W.

    Raises:
        SourceValueError: another shape, sides that are no multiples of 32, or values that are not finite.
    """
    batch = _batch_of(tensor.detach())
    if not bool(batch.isfinite().all()):
        raise SourceValueError("tensor source holds NaN or infinite values")
    if float(batch.max()) > 1:
        LOGGER.warning("tensor source has values above 1: divided by 255; pass RGB in [0, 1]")
        batch = batch / 255
    rendered = (batch.clamp(0, 1) * 255).round().byte().flip(1).permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return [
        Sample(image=image, path=f"image{i}.jpg", origin=Origin(index=i, count=len(batch)), tensor=one)
        for i, (image, one) in enumerate(zip(rendered, batch, strict=True))
    ]


def _batch_of(tensor: "Tensor") -> "Tensor":
    if tensor.ndim == 3:
        LOGGER.warning("tensor source of shape %s taken as one picture; pass (B, 3, H, W)", tuple(tensor.shape))
        tensor = tensor[None]
    shape = tuple(tensor.shape)
    if len(shape) != 4 or shape[1] != 3 or 0 in shape:
        raise SourceValueError(f"tensor source of shape {shape}: pass (B, 3, H, W) RGB in [0, 1]")
    if shape[2] % STRIDE or shape[3] % STRIDE:
        raise SourceValueError(
            f"tensor source of {shape[2]}x{shape[3]} pixels: height and width must be multiples of {STRIDE}; "
            "letterbox it first, or pass arrays, which are letterboxed for you"
        )
    return tensor.float()


def _uint8(array: Any) -> Picture:
    """Give OpenCV's and NumPy's loosely typed results their known type."""
    picture: Picture = array
    return picture
