"""Pictures of any form become (H, W, 3) uint8 BGR, upright by EXIF: files, PIL images, arrays and tensors."""

import io
import os
import re
import stat
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from posekit.errors import MissingExtraError, PosekitError, SourceTypeError, SourceValueError, UnreadableImageError
from posekit.files.magic import HEAD_BYTES, identify, list_formats
from posekit.files.reading import read_bytes
from posekit.log import LOGGER, one_line
from posekit.sample import Floats, Origin, Picture, Sample

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor


STRIDE = 32
_ARRAY_ADVICE = "pass (H, W, 3) uint8 in BGR order"

# Pillow's own limit against decompression bombs, so that every format has the same one.
MAX_PIXELS = 178_956_970
MIN_SIDE = 10

_PILLOW_FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "TIFF", "WEBP")
# What decoders are known to raise on damaged data; Warning: when the caller turned warnings into errors.
DECODE_ERRORS = (
    OSError, ValueError, SyntaxError, EOFError, RuntimeError, MemoryError, LookupError, TypeError, ArithmeticError,
    AttributeError, struct.error, zlib.error, Warning,
)  # fmt: skip

# A marker is 0xFF and a code; 0x00 (stuffing), 0xFF (fill) and 0xD0-0xD7 (restarts) belong to the pixel data.
_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
_START, _END, _STANDALONE = 0xD8, 0xD9, 0x01
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

_SIGNATURE_BYTES = 8  # of PNG
_FRAME_BYTES = 12  # length, name and checksum around the content of a chunk
_ENTRY_BYTES = 12  # of the directory of a TIFF
DNG_VERSION_TAG = 50706

# The frame header of nearly all JPEG files lies within this; that of the others Pillow finds.
_JPEG_HEAD_BYTES = 2048
_JPEG_END = b"\xff\xd9"
_SIDEWAYS = frozenset({5, 6, 7, 8})  # EXIF orientations that swap width and height


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


@dataclass(frozen=True)
class JpegScan:
    """What the markers of a JPEG stream declare; zeros where no frame header was found.

    Attributes:
        channels: 1 gray, 3 colour, 4 CMYK.
        complete: whether the end marker was reached. What follows it does not matter.
    """

    height: int = 0
    width: int = 0
    channels: int = 0
    bits: int = 0
    complete: bool = False


def scan_jpeg(data: bytes) -> JpegScan:
    """Walk the markers of the first picture in `data` without decoding it."""
    height = width = channels = bits = 0
    position = 2
    while found := _MARKER.search(data, position):
        code, position = found[1][0], found.end()
        if code == _END:
            return JpegScan(height, width, channels, bits, complete=channels > 0)
        if code in (_START, _STANDALONE):
            continue
        if code in _FRAME_MARKERS and len(data) >= position + 8:
            bits, channels = data[position + 2], data[position + 7]
            height = int.from_bytes(data[position + 3 : position + 5], "big")
            width = int.from_bytes(data[position + 5 : position + 7], "big")
        position += max(int.from_bytes(data[position : position + 2], "big"), 2)
    return JpegScan(height, width, channels, bits)


def check_png(data: bytes) -> None:
    """Refuse a PNG with a damaged chunk that matters to its pixels; the decoder misses chunks."""
    view = memoryview(data)
    position = _SIGNATURE_BYTES
    while position + _FRAME_BYTES <= len(view):
        size = int.from_bytes(view[position : position + 4], "big")
        name = bytes(view[position + 4 : position + 8])
        end = position + 8 + size
        # Bit 5 marks the chunks that a picture can do without.
        if not name[0] & 0x20 and end + 4 <= len(view):
            if zlib.crc32(view[position + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
                raise UnreadableImageError(f"the PNG data is damaged (checksum of its {name.decode('latin-1')} block)")
            if name == b"IEND":
                return
        position = end + 4


def tiff_tags(data: bytes) -> frozenset[int]:
    """Return the tag numbers in the first directory of a (classic, not Big) TIFF; Pillow would warn of a cut one."""
    order = "<" if data[:2] == b"II" else ">"
    try:
        (offset,) = struct.unpack_from(f"{order}I", data, 4)
        (count,) = struct.unpack_from(f"{order}H", data, offset)
        entries = range(offset + 2, offset + 2 + _ENTRY_BYTES * count, _ENTRY_BYTES)
        tags = frozenset(struct.unpack_from(f"{order}H10x", data, entry)[0] for entry in entries)
    except struct.error as error:
        raise UnreadableImageError("the TIFF data is cut short (its directory is incomplete)") from error
    return tags


def read_image(path: Path) -> Picture:
    """Read a picture file of any supported format, whatever its suffix says.

    EXIF orientation is applied, alpha dropped, gray repeated to three channels, palettes and CMYK converted, of
    16-bit values the high byte kept, of an animation the first frame taken.

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
        raise UnreadableImageError(f"the {kind} data is damaged or cut short ({one_line(error, 100)})") from error


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
        raise UnreadableImageError(f"the HEIC data is damaged or cut short ({one_line(error, 100)})") from error


def _decode_raw(data: bytes) -> Picture:
    try:
        import rawpy
    except ImportError as error:
        raise MissingExtraError("DNG pictures", "raw", "rawpy") from error
    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            return from_array(raw.postprocess()[..., ::-1])
    except rawpy.LibRawError as error:
        raise UnreadableImageError(f"the DNG data is damaged or cut short ({one_line(error, 100)})") from error


def _check_pixels(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise UnreadableImageError(f"declares {width}x{height} pixels, more than the {MAX_PIXELS:,} allowed")
    if width * height == 0:
        raise UnreadableImageError(f"declares {width}x{height} pixels")


def picture_size(path: str) -> tuple[int, int]:
    """Return (h, w) of a picture in pixels after EXIF rotation.

    Raises:
        UnreadableImageError: a side has under `MIN_SIDE` pixels; and whatever `read_image` raises.
    """
    height, width = _size_from_header(path) or read_image(Path(path)).shape[:2]
    if min(height, width) < MIN_SIDE:
        raise UnreadableImageError(
            f"{path}: is {width}x{height} pixels (width x height); both sides must have at least {MIN_SIDE}"
        )
    return height, width


def _size_from_header(path: str) -> tuple[int, int] | None:
    """Return the size; None when the header does not tell or something is wrong: decoding the picture says what."""
    try:
        # Opening a pipe waits for whoever writes into it.
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - many files: Path is slower
            return None
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - as above
            head = file.read(_JPEG_HEAD_BYTES)
            content = identify(head[:HEAD_BYTES])
            kind = content.format.replace(" ", "").upper() if content and content.kind == "image" else ""
            if kind == "JPEG":
                return _jpeg_size(head, file)
            return _pillow_size(file, kind) if kind in _PILLOW_FORMATS else None
    except OSError:
        return None


def _jpeg_size(head: bytes, file: BinaryIO) -> tuple[int, int] | None:
    if not _is_whole_jpeg(file):
        return None
    scan = scan_jpeg(head)
    if scan.bits not in (0, 8):
        return None
    if scan.channels not in (1, 3) or b"Exif\0" in head:
        return _pillow_size(file, "JPEG")
    return _allowed(scan.height, scan.width)


def _is_whole_jpeg(file: BinaryIO) -> bool:
    file.seek(-len(_JPEG_END), os.SEEK_END)
    if file.read() == _JPEG_END:
        return True
    file.seek(0)  # cut short, or with something behind its end
    return scan_jpeg(file.read()).complete


def _pillow_size(file: BinaryIO, name: str) -> tuple[int, int] | None:
    from PIL import Image

    Image.init()
    try:
        file.seek(0)
        with Image.open(file, formats=(name,)) as image:
            if _needs_decoding(image, file):
                return None
            sideways = _orientation(image) in _SIDEWAYS
            return _allowed(image.width, image.height) if sideways else _allowed(image.height, image.width)
    except (*DECODE_ERRORS, Image.DecompressionBombError):
        return None


def _needs_decoding(image: "Image", file: BinaryIO) -> bool:
    """Tell whether the header promises less than decoding would give."""
    if image.mode in ("I", "F"):
        return True
    if image.format == "TIFF":
        return DNG_VERSION_TAG in getattr(image, "tag_v2", ())
    return image.format == "PNG" and ("XML:com.adobe.xmp" in image.info or _has_late_orientation(file))


def _orientation(image: "Image") -> int | None:
    from PIL import ExifTags, Image

    if image.format == "TIFF":
        return None  # Pillow has turned it already
    if image.format != "PNG" and "exif" not in image.info:
        return image.getexif().get(ExifTags.Base.Orientation)
    # Of a PNG file without it getexif would decode the pixels, and of a JPEG file the decoder minds only this.
    exif = Image.Exif()
    exif.load(image.info.get("exif", b""))
    return exif.get(ExifTags.Base.Orientation)


def _has_late_orientation(file: BinaryIO) -> bool:
    """Tell whether a PNG file has a block behind its pixels that may hold an orientation."""
    position, behind = 8, False
    while True:
        file.seek(position)
        frame = file.read(8)
        if len(frame) < 8 or frame[4:] == b"IEND":
            return False
        behind = behind or frame[4:] == b"IDAT"
        if behind and frame[4:] in (b"eXIf", b"iTXt", b"tEXt", b"zTXt"):
            return True
        position += 12 + int.from_bytes(frame[:4], "big")


def _allowed(height: int, width: int) -> tuple[int, int] | None:
    return (height, width) if 0 < height * width <= MAX_PIXELS else None
