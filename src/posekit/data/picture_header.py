"""The size of a picture file, read from its header; its pixels are decoded only when the header does not tell."""

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from posekit.errors import UnreadableImageError
from posekit.io.decode import DECODE_ERRORS, DNG_VERSION_TAG, MAX_PIXELS, read_image
from posekit.io.jpeg_scan import scan_jpeg
from posekit.io.magic import HEAD_BYTES, identify

if TYPE_CHECKING:
    from PIL.Image import Image

MIN_SIDE = 10
# The frame header of nearly all JPEG files lies within this; that of the others Pillow finds.
_JPEG_HEAD_BYTES = 2048
_JPEG_END = b"\xff\xd9"
_SIDEWAYS = frozenset({5, 6, 7, 8})  # EXIF orientations that swap width and height
_PILLOW_NAMES = {
    "AVIF": "AVIF", "BMP": "BMP", "GIF": "GIF", "JPEG": "JPEG", "JPEG 2000": "JPEG2000", "PNG": "PNG", "TIFF": "TIFF",
    "WebP": "WEBP",
}  # fmt: skip


def picture_size(path: str) -> tuple[int, int]:
    """Return (h, w) of a picture in pixels after EXIF rotation.

    Raises:
        SourceNotFoundError: there is no such file.
        UnreadableImageError: it holds no picture, a damaged one, or one with a side under `MIN_SIDE` pixels.
        MissingExtraError: HEIC or DNG without the package that reads it.
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
            kind = content.format if content and content.kind == "image" else ""
            if kind == "JPEG":
                return _jpeg_size(head, file)
            return _pillow_size(file, _PILLOW_NAMES[kind]) if kind in _PILLOW_NAMES else None
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
