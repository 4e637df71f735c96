"""Read one picture file, or its size alone: a right result or one clear error."""

import io
import os
import re
import stat
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import cv2
import numpy as np

from posekit.errors import MissingExtraError, PosekitError, UnreadableImageError
from posekit.files.magic import HEAD_BYTES, identify, list_formats
from posekit.files.reading import read_bytes
from posekit.io.convert import from_array, from_pil
from posekit.log import one_line
from posekit.sample import Picture

if TYPE_CHECKING:
    from PIL.Image import Image

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
