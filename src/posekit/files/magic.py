"""What a file really is, told by its first bytes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

HEAD_BYTES = 512


@dataclass(frozen=True)
class Content:
    """What the first bytes of a file say it holds.

    Attributes:
        kind: "image", "video" or "other".
        name: in words, ready for "is ..." ("a PDF document").
    """

    kind: Literal["image", "video", "other"]
    name: str

    @property
    def format(self) -> str:
        """The name of a picture format alone ("JPEG")."""
        return self.name.removeprefix("a ").removeprefix("an ").removesuffix(" picture")


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
    (4, b"moov", Content("video", "a QuickTime video")),
    (4, b"mdat", Content("video", "a QuickTime video")),
    (4, b"wide", Content("video", "a QuickTime video")),
    (4, b"free", Content("video", "a QuickTime video")),
    (4, b"skip", Content("video", "a QuickTime video")),
    (4, b"pnot", Content("video", "a QuickTime video")),
    (0, b"%PDF", Content("other", "a PDF document")),
    (0, b"PK\x03\x04", Content("other", "a ZIP archive (or an Office document)")),
    (0, b"\x1f\x8b", Content("other", "a gzip archive")),
    (0, b"7z\xbc\xaf\x27\x1c", Content("other", "a 7-Zip archive")),
    (0, b"Rar!", Content("other", "a RAR archive")),
    (0, b"8BPS", Content("other", "a Photoshop file")),
    (0, b"\x7fELF", Content("other", "a program")),
    (0, b"MZ", Content("other", "a Windows program")),
    (0, b"OggS", Content("other", "an Ogg sound or video file")),
    (0, b"ID3", Content("other", "an MP3 sound file")),
    (0, b"fLaC", Content("other", "a FLAC sound file")),
    (0, b"\x93NUMPY", Content("other", "a NumPy array file")),
    (0, b"SQLite format 3", Content("other", "a database")),
)


_RIFF_KINDS = {
    b"AVI ": Content("video", "an AVI video"),
    b"WAVE": Content("other", "a WAV sound file"),
    b"WEBP": Content("image", "a WebP picture"),
}


_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})


_AVIF_BRANDS = frozenset({b"avif", b"avis"})


def identify(head: bytes) -> Content | None:
    """Tell what a file holds from its first `HEAD_BYTES` bytes; None when they say nothing."""
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
    return _identify_text(head)


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
        return Content("other", "an HTML page")
    if "<svg" in text:
        return Content("other", "an SVG drawing")
    if text.startswith("<?xml"):
        return Content("other", "an XML file")
    if text.startswith("version https://git-lfs"):
        return Content("other", "a Git LFS pointer (run `git lfs pull` to get the file itself)")
    return Content("other", "a text file")


MediaKind = Literal["image", "video"]


IMAGE_SUFFIXES = frozenset(
    {".avif", ".bmp", ".dng", ".heic", ".heif", ".jp2", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"}
)


VIDEO_SUFFIXES = frozenset(
    {".asf", ".avi", ".gif", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".wmv", ".webm"}
)


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


"""How many bytes of a file `wrong_kind` wants to see."""


_WEB_PAGE = "a web page, probably an error page saved by a download: delete it and download again"


# What the first bytes say, and what the user can do about it. Order matters: the general ones come last.
_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "a Git LFS pointer, not the weights: run 'git lfs pull' where it came from"),
    (b"<!doctype", _WEB_PAGE),
    (b"<html", _WEB_PAGE),
    (b"<?xml", "an XML file (an OpenVINO network or an error message of a server)"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x80\x02\x8a\nl\xfc\x9cF\xf9", "in the pre-ZIP format of torch: save it again with torch 1.6 or newer"),
    (b"\x80", "a bare pickle, which can run code, without the ZIP archive of torch: save it with torch.save"),
    (b"\x1f\x8b", "compressed with gzip: unpack it first"),
    (b"BZh", "compressed with bzip2: unpack it first"),
    (b"\xfd7zXZ", "compressed with xz: unpack it first"),
    (b"7z\xbc\xaf", "a 7-Zip archive: unpack it first"),
    (b"Rar!", "a RAR archive: unpack it first"),
    (b"\x89HDF", "an HDF5 file (Keras weights)"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"ftrt", "a TensorRT engine"),
    (b"\x08", "probably an ONNX or TensorFlow network: exported networks are run, not loaded as weights"),
)  # fmt: skip


def wrong_kind(head: bytes) -> str | None:
    """Describe a file that is not a ZIP archive by its first bytes.

    Args:
        head: the first `HEAD_BYTES` bytes, fewer when the file is shorter.

    Returns:
        A description with advice that completes "this is ...", or None when the bytes say nothing.
    """
    if not head:
        return "an empty file"
    if head[4:8] == b"TFL3":
        return "a TensorFlow Lite network: exported networks are run, not loaded as weights"
    if head[257:262] == b"ustar":
        return "a tar archive: unpack it first"
    if head[8:9] == b"{":
        return "a safetensors file under another name: rename it to end in .safetensors"
    text = head.lstrip().lower()
    for start, description in _STARTS:
        if head.startswith(start) or text.startswith(start):
            return description
    return None
