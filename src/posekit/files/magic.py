"""What a file really is, told by its first bytes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

HEAD_BYTES = 512

_UNPACK, _EXPORTED = ": unpack it first", ": exported networks are run, not loaded as weights"

_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})

MediaKind = Literal["image", "video"]
IMAGE_SUFFIXES = frozenset(
    {".avif", ".bmp", ".dng", ".heic", ".heif", ".jp2", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"}
)
VIDEO_SUFFIXES = frozenset(
    {".asf", ".avi", ".gif", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".wmv", ".webm"}
)


@dataclass(frozen=True)
class Content:
    """What the first bytes of a file say it holds.

    Attributes:
        kind: "image", "video" or "other".
        name: in words, ready for "is ..." ("a PDF document").
        instead: what to do, behind the name, where weights were expected.
    """

    kind: Literal["image", "video", "other"]
    name: str
    instead: str = ""

    @property
    def format(self) -> str:
        """The name of a picture or archive format alone ("JPEG")."""
        return self.name.removeprefix("a ").removeprefix("an ").removesuffix(" picture").removesuffix(" archive")


_SIGNATURES: tuple[tuple[int, bytes, Content], ...] = (
    (0, b"\xff\xd8\xff", Content("image", "a JPEG picture")),
    (0, b"\x89PNG\r\n\x1a\n", Content("image", "a PNG picture")),
    (0, b"GIF8", Content("image", "a GIF picture")),
    (0, b"BM", Content("image", "a BMP picture")),
    (0, b"II*\x00", Content("image", "a TIFF picture")),
    (0, b"MM\x00*", Content("image", "a TIFF picture")),
    (0, b"II+\x00", Content("image", "a BigTIFF picture")),
    (0, b"MM\x00+", Content("image", "a BigTIFF picture")),
    (0, b"\x00\x00\x00\x0cjP  ", Content("image", "a JPEG 2000 picture")),
    (0, b"\xff\x4f\xff\x51", Content("image", "a JPEG 2000 picture")),
    (0, b"\x1a\x45\xdf\xa3", Content("video", "a Matroska or WebM video")),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Content("video", "an ASF or WMV video")),
    (0, b"\x00\x00\x01\xba", Content("video", "an MPEG video")),
    (0, b"\x00\x00\x01\xb3", Content("video", "an MPEG video")),
    (0, b"\x00\x00\x01\xb0", Content("video", "an MPEG video")),
    (0, b"FLV\x01", Content("video", "a Flash video")),
    *(
        (4, box, Content("video", "a QuickTime video"))
        for box in (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
    ),
    (0, b"%PDF", Content("other", "a PDF document")),
    (0, b"PK\x03\x04", Content("other", "a ZIP archive", _UNPACK)),
    (0, b"PK\x05\x06", Content("other", "an empty ZIP archive")),
    (0, b"\x1f\x8b", Content("other", "a gzip archive", _UNPACK)),
    (0, b"BZh", Content("other", "a bzip2 archive", _UNPACK)),
    (0, b"\xfd7zXZ\0", Content("other", "an xz archive", _UNPACK)),
    (0, b"7z\xbc\xaf\x27\x1c", Content("other", "a 7-Zip archive", _UNPACK)),
    (0, b"Rar!", Content("other", "a RAR archive", _UNPACK)),
    (0, b"\x89HDF\r\n\x1a\n", Content("other", "an HDF5 file", " (Keras weights)")),
    (0, b"\x93NUMPY", Content("other", "a NumPy array file")),
    (0, b"ftrt", Content("other", "a TensorRT engine", _EXPORTED)),
    (4, b"TFL3", Content("other", "a TensorFlow Lite network", _EXPORTED)),
    (0, b"\x08", Content("other", "probably an ONNX or TensorFlow network", _EXPORTED)),
    (
        0,
        b"\x80\x02\x8a\nl\xfc\x9cF\xf9",
        Content("other", "a file in the pre-ZIP format of torch", ": save it again with torch 1.6 or newer"),
    ),
    (
        0,
        b"\x80",
        Content("other", "a bare pickle", ", which can run code, without the ZIP archive of torch: use torch.save"),
    ),
)

# Behind the length of the header; looked for last, as a text may have a brace there.
_SAFETENSORS = Content("other", "a safetensors file", " under another name: rename it to end in .safetensors")

_RIFF_KINDS = {
    b"AVI ": Content("video", "an AVI video"),
    b"WAVE": Content("other", "a WAV sound file"),
    b"WEBP": Content("image", "a WebP picture"),
}


def identify(head: bytes) -> Content | None:
    """Tell what a file holds from its first `HEAD_BYTES` bytes; None when they say nothing."""
    if head[257:262] == b"ustar":  # before the others, as it begins with the name of a file: "BM.bmp"
        return Content("other", "a tar archive", _UNPACK)
    if head[4:8] == b"ftyp":
        return _identify_box_file(head)
    if head[:4] == b"RIFF":
        return _RIFF_KINDS.get(head[8:12])
    for offset, signature, content in _SIGNATURES:
        if head.startswith(signature, offset):
            return content
    # A sync byte starts each packet of 188 bytes; camcorders put a time stamp of 4 bytes before it.
    if b"GGG" in (head[0:377:188], head[4:389:192]):
        return Content("video", "an MPEG transport stream")
    return _identify_text(head) or (_SAFETENSORS if head[8:9] == b"{" else None)


def _identify_box_file(head: bytes) -> Content:
    """Tell AVIF, HEIF and MP4 apart by the brands in the leading ``ftyp`` box."""
    size = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12]} | {head[i : i + 4] for i in range(16, size - 3, 4)}
    if brands & _AVIF_BRANDS:
        return Content("image", "an AVIF picture")
    if brands & _HEIF_BRANDS:
        return Content("image", "a HEIC picture")
    return Content("video", "an MP4 or QuickTime video")


def _identify_text(head: bytes) -> Content | None:
    try:
        # The head may end within a character: one that is cut by the limit is no sign of binary content.
        text = (
            head.decode("utf-8", errors="strict" if len(head) < HEAD_BYTES else "ignore").strip("\ufeff \t\r\n").lower()
        )
    except UnicodeDecodeError:
        return None
    if not text or any(ord(char) < 32 and char not in "\t\r\n\f" for char in text):
        return None
    if text.startswith(("<!doctype html", "<html")):
        advice = ", probably an error page saved by a download: delete it and download again"
        return Content("other", "a web page", advice)
    if "<svg" in text:
        return Content("other", "an SVG drawing")
    if text.startswith("<?xml"):
        return Content("other", "an XML file", " (an OpenVINO network or an error message of a server)")
    if text.startswith("version https://git-lfs"):
        return Content("other", "a Git LFS pointer (run `git lfs pull` to get the file itself)", ", not the weights")
    return Content("other", "a text file")


def media_kind(name: str | Path) -> MediaKind | None:
    """Return what the suffix of a file name promises; None when it is no known media suffix."""
    suffix = Path(name).suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        return "image"
    return "video" if suffix in VIDEO_SUFFIXES else None


def list_formats() -> str:
    """Return the known suffixes as one phrase for error messages."""
    images, videos = (" ".join(sorted(s[1:] for s in suffixes)) for suffixes in (IMAGE_SUFFIXES, VIDEO_SUFFIXES))
    return f"pictures ({images}) or videos ({videos})"
