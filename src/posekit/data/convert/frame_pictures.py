"""Finds the pictures of video frames, whose suffix the annotation file does not tell."""

from pathlib import Path

from posekit.data.coco.picture_search import PictureSearch

_SUFFIXES = (".png", ".PNG", ".jpg", ".JPG", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")


def find_frame(search: PictureSearch, stem: str) -> Path | None:
    """Return the first picture called `stem` with a usual suffix; None when there is none."""
    found = (search.find(f"{stem}{suffix}") for suffix in _SUFFIXES)
    return next((path for path in found if path is not None), None)
