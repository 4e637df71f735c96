"""Which file suffixes count as pictures and which as videos."""

from pathlib import Path
from typing import Literal

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
