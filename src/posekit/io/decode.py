"""Read one picture file: a right result or one clear error."""

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np

from posekit.errors import MissingExtraError, PosekitError, UnreadableImageError
from posekit.io.binary import read_bytes
from posekit.io.convert import from_array, from_pil
from posekit.io.formats import list_formats
from posekit.io.jpeg_scan import scan_jpeg
from posekit.io.magic import HEAD_BYTES, identify
from posekit.io.png_check import check_png
from posekit.io.tiff_tags import tiff_tags
from posekit.sample import Picture

# Pillow's own limit against decompression bombs, so that every format has the same one.
MAX_PIXELS = 178_956_970
_PILLOW_FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "TIFF", "WEBP")
DNG_VERSION_TAG = 50706
# What decoders are known to raise on damaged data; Warning: when the caller turned warnings into errors.
DECODE_ERRORS = (
    OSError, ValueError, SyntaxError, EOFError, RuntimeError, MemoryError, LookupError, TypeError, ArithmeticError,
    AttributeError, struct.error, zlib.error, Warning,
)  # fmt: skip


def read_image(path: Path) -> Picture:
    """Read a picture file of any supported format, whatever its suffix says.

    EXIF orientation is applied, alpha dropped, gray repeated to three channels, palettes and CMYK converted, of
    16-bit values the high byte kept, of an animation the first frame taken.

    Args:
        path: the file.

    Returns:
        (H, W, 3) uint8, BGR, contiguous.

    Raises:
        SourceNotFoundError: there is no such file.
        UnreadableImageError: the file holds no picture, or a damaged or too large one.
        MissingExtraError: HEIC or DNG without the package that reads it.
    """
    data = read_bytes(path)
    try:
        return decode_image(data)
    except MissingExtraError as error:
        error.args = (f"{path}: {error}",)
        raise
    except PosekitError as error:
        raise UnreadableImageError(f"{path}: {error}") from error


def decode_image(data: bytes) -> Picture:
    """Decode the bytes of a picture file; as `read_image`, with errors that name no file."""
    if not data:
        raise UnreadableImageError("the file is empty (0 bytes)")
    content = identify(data[:HEAD_BYTES])
    if content is None:
        raise UnreadableImageError(f"holds no known format; readable are {list_formats()}")
    if content.kind != "image":
        raise UnreadableImageError(f"is {content.name}, not a picture")
    if content.format == "JPEG":
        return _decode_jpeg(data)
    if content.format == "HEIC":
        return _decode_heic(data)
    if content.format == "PNG":
        check_png(data)
    # Of a camera's DNG, a TIFF with this tag, the plain reading gives only the thumbnail.
    if content.format == "TIFF" and DNG_VERSION_TAG in tiff_tags(data):
        return _decode_raw(data)
    return _decode_with_pillow(data, content.format)


def _decode_jpeg(data: bytes) -> Picture:
    """Decode with OpenCV, the fastest, what it decodes right; it would fill up a cut file with gray."""
    scan = scan_jpeg(data)
    if not scan.complete:
        raise UnreadableImageError("the JPEG data is cut short (its end marker is missing)")
    _check_pixels(scan.width, scan.height)
    if scan.bits != 8:
        raise UnreadableImageError(f"is a JPEG picture with {scan.bits} bits per channel; save it with 8")
    if scan.channels not in (1, 3):
        return _decode_with_pillow(data, "JPEG")
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise UnreadableImageError(f"the JPEG data is damaged ({error.err})") from error
    if decoded is None:
        raise UnreadableImageError("the JPEG data is damaged")
    return from_array(decoded)


def _decode_with_pillow(data: bytes, kind: str) -> Picture:
    from PIL import Image, UnidentifiedImageError

    Image.init()
    try:
        with Image.open(io.BytesIO(data), formats=_PILLOW_FORMATS) as image:
            return from_pil(image)
    except PosekitError as error:
        raise UnreadableImageError(f"the {kind} data is not readable: {error}") from error
    except UnidentifiedImageError as error:
        raise UnreadableImageError(f"the header of the {kind} data is damaged or of an unknown variant") from error
    except Image.DecompressionBombError as error:
        raise UnreadableImageError(f"declares more than the {MAX_PIXELS:,} pixels allowed") from error
    except DECODE_ERRORS as error:
        raise UnreadableImageError(f"the {kind} data is damaged or cut short ({_one_line(error)})") from error


def _decode_heic(data: bytes) -> Picture:
    try:
        import pi_heif
    except ImportError as error:
        raise MissingExtraError("HEIC pictures", "heic", "pi-heif") from error
    try:
        heif = pi_heif.open_heif(io.BytesIO(data))
        _check_pixels(*heif.size)
        return from_pil(heif.to_pillow())
    except PosekitError:
        raise
    except DECODE_ERRORS as error:
        raise UnreadableImageError(f"the HEIC data is damaged or cut short ({_one_line(error)})") from error


def _decode_raw(data: bytes) -> Picture:
    try:
        import rawpy
    except ImportError as error:
        raise MissingExtraError("DNG pictures", "raw", "rawpy") from error
    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            return from_array(raw.postprocess()[..., ::-1])
    except rawpy.LibRawError as error:
        raise UnreadableImageError(f"the DNG data is damaged or cut short ({_one_line(error)})") from error


def _one_line(error: BaseException) -> str:
    """Shorten what a decoder says, which may be long and of several lines."""
    return " ".join(str(error).split())[:100]


def _check_pixels(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise UnreadableImageError(f"declares {width}x{height} pixels, more than the {MAX_PIXELS:,} allowed")
    if width * height == 0:
        raise UnreadableImageError(f"declares {width}x{height} pixels")
