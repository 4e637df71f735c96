"""The detected objects cut out of their picture, one file each."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posekit.results.base import as_numpy
from posekit.results.boxes import Boxes
from posekit.results.picture_file import write_picture

# How a box is enlarged before it is cut out: a factor on its sides, then pixels added to them.
CROP_GAIN = 1.02
CROP_MARGIN_PIXELS = 10


def save_crops(
    picture: NDArray[np.uint8], boxes: Boxes, names: Mapping[int, str], folder: str | Path, stem: str
) -> list[str]:
    """Write ``<folder>/<class name>/<stem>.jpg`` for every box; taken names get ``-2``, ``-3``, ...

    Args:
        picture: (H, W, 3) uint8, BGR.
        boxes: N boxes in pixels of `picture`; those wholly outside are left out.
        names: class name by number.
        folder: where the class folders go.
        stem: file name without suffix.

    Returns:
        The paths written.
    """
    written = []
    for number, (x1, y1, x2, y2) in zip(as_numpy(boxes.cls).tolist(), _crop_corners(boxes).tolist(), strict=True):
        crop = picture[y1:y2, x1:x2]
        if crop.size:
            path = Path(folder) / _folder_name(names[int(number)]) / f"{stem}.jpg"
            written.append(write_picture(_untaken(path), np.ascontiguousarray(crop)))
    return written


def _crop_corners(boxes: Boxes) -> NDArray[np.int64]:
    """Return (N, 4) whole corners of the enlarged boxes, clipped to the picture."""
    centre, size = np.split(as_numpy(boxes.xywh), 2, axis=1)
    half = (size * CROP_GAIN + CROP_MARGIN_PIXELS) / 2
    height, width = boxes.orig_shape
    corners = np.concatenate([centre - half, centre + half], axis=1).astype(np.int64)
    return np.clip(corners, 0, [width, height, width, height])


def _folder_name(class_name: str) -> str:
    """Return the class name without characters that would lead to another folder."""
    name = re.sub(r'[\\/:*?"<>|]', "_", class_name)
    return name if name.strip(". ") else "_"


def _untaken(path: Path) -> Path:
    number = 2
    candidate = path
    while candidate.exists():
        candidate = path.with_stem(f"{path.stem}-{number}")
        number += 1
    return candidate
