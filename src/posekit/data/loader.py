"""Reads the pictures of a data set at the size that a network wants, with their labels."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from posekit.data.labels import Labels, PictureLabels
from posekit.errors import UnreadableImageError
from posekit.files.user_folders import cache_folder
from posekit.files.writing import naming_errors, replacing
from posekit.io.decode import read_image
from posekit.log import LOGGER
from posekit.ops.polygons import resample_polygon
from posekit.sample import Floats, Picture, Sample

# Share of the free memory that kept pictures may take.
MEMORY_SHARE = 0.5

Size = tuple[int, int]  # (h, w)
Read = Callable[[], Picture]


class PictureStore(Protocol):
    """Where resized pictures come from."""

    def get(self, path: str, size: Size, read: Read) -> Picture:
        """Return the picture at `path` in `size`; `read` makes it when it is not kept. Callers must not write to it."""
        ...


class NoStore:
    """Keeps nothing."""

    def get(self, path: str, size: Size, read: Read) -> Picture:  # noqa: D102 - see PictureStore
        return read()


class MemoryStore:
    """Keeps every picture in memory, as bytes."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, Size], Picture] = {}

    def get(self, path: str, size: Size, read: Read) -> Picture:  # noqa: D102 - see PictureStore
        key = (path, size)
        if key not in self._kept:
            self._kept[key] = read()
        return self._kept[key]


class DiskStore:
    """Keeps every picture as an array in a folder of posekit's own; files beside the user's are never made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, path: str, size: Size, read: Read) -> Picture:
        """As `PictureStore.get`; a changed picture file has another key."""
        state = Path(path).stat()
        key = blake2b(f"{path}\0{state.st_size}\0{state.st_mtime_ns}\0{size}".encode(), digest_size=16).hexdigest()
        kept = self._folder / key[:2] / f"{key}.npy"
        if not kept.is_file():
            picture = read()
            self._keep(kept, picture)
            return picture
        try:
            loaded: Picture = np.load(kept, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            LOGGER.debug("%s is damaged: %s is read again", kept, path)
            kept.unlink(missing_ok=True)
            return read()
        return loaded

    def _keep(self, target: Path, picture: Picture) -> None:
        advice = "; POSEKIT_CACHE_DIR names another folder"
        with naming_errors(f"cache=disk: {target}", advice), replacing(target) as draft, draft.open("wb") as file:
            np.save(file, picture)


def open_store(cache: bool | str, sizes: Sequence[Size]) -> PictureStore:
    """Return the store that the setting ``cache`` (False, True or "ram", "disk") asks for.

    Memory that would not hold pictures of all `sizes` is not used, with a warning.
    """
    if cache == "disk":
        return DiskStore(cache_folder() / "pictures")
    if not cache:
        return NoStore()
    needed = sum(height * width * 3 for height, width in sizes)
    free = free_memory()
    if free is not None and needed > MEMORY_SHARE * free:
        LOGGER.warning(
            "cache=ram: the pictures need %.1f GiB, and %.1f GiB of memory are free: reading them each time instead",
            needed / 2**30, free / 2**30,
        )  # fmt: skip
        return NoStore()
    return MemoryStore()


def free_memory() -> int | None:
    """Return the bytes of memory that programs can still take; None where the system does not say."""
    meminfo = Path("/proc/meminfo")
    if not meminfo.is_file():
        return None
    lines = dict(line.split(":", 1) for line in meminfo.read_text(encoding="ascii").splitlines() if ":" in line)
    text = lines.get("MemAvailable", "").strip().removesuffix("kB").strip()
    return int(text) * 1024 if text.isdecimal() else None


class PictureLoader:
    """Reads pictures in `sizes`, several at a time: decoding and resizing run outside Python's lock."""

    def __init__(self, pictures: Labels, sizes: Sequence[Size], store: PictureStore, *, workers: int) -> None:
        self._pictures = pictures
        self._sizes = sizes
        self._store = store
        threads = min(workers, os.cpu_count() or 1)
        self._pool = ThreadPoolExecutor(threads, "posekit loader") if threads > 1 else None

    def load(self, indices: Sequence[int]) -> list[Sample]:
        """Return the pictures of the given numbers with their boxes, classes and keypoints.

        Raises:
            UnreadableImageError: a picture cannot be decoded, or is not of the size that its header said.
        """
        if self._pool is None:
            return [self.sample(index) for index in indices]
        return list(self._pool.map(self.sample, indices))

    def close(self) -> None:
        """End the threads; harmless when repeated."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def sample(self, index: int) -> Sample:
        """Return one picture, as `load`."""
        labels, size = self._pictures[index], self._sizes[index]
        image = self._store.get(labels.path, size, lambda: _read(labels, size))
        return labelled_sample(image, labels)


def labelled_sample(image: Picture, labels: PictureLabels) -> Sample:
    """Return a resized picture (h, w, 3) with the labels of its file, in pixels of `image`."""
    height, width = image.shape[:2]
    scale: Floats = np.array((width, height, width, height), np.float32)
    centre, half = labels.boxes[:, :2], labels.boxes[:, 2:] / 2
    keypoints = None
    if labels.keypoints is not None:
        keypoints = labels.keypoints * np.array((width, height, 1), np.float32)
    return Sample(
        image=image,
        path=labels.path,
        original_size=labels.size,
        boxes=np.concatenate((centre - half, centre + half), 1, dtype=np.float32) * scale,
        classes=labels.classes,
        keypoints=keypoints,
        polygons=None if labels.polygons is None else tuple(_outline(part, scale[:2]) for part in labels.polygons),
    )


def _outline(polygon: Floats, scale: Floats) -> Floats:
    return resample_polygon(polygon * scale) if len(polygon) else polygon


def _read(labels: PictureLabels, size: Size) -> Picture:
    picture = read_image(Path(labels.path))
    if picture.shape[:2] != labels.size:
        height, width = picture.shape[:2]
        raise UnreadableImageError(
            f"{labels.path}: has {height}x{width} pixels, but {labels.size[0]}x{labels.size[1]} when its labels were "
            "read: it has changed meanwhile; start again"
        )
    if picture.shape[:2] == size:
        return picture
    return np.asarray(cv2.resize(picture, size[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
