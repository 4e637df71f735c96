"""Decoded pictures kept for the next time they are asked for: not at all, in memory, or on disk."""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

import numpy as np

from posekit.config.user_folders import cache_folder
from posekit.errors import OutputError
from posekit.files.atomic import replacing
from posekit.log import LOGGER
from posekit.sample import Picture

# Share of the free memory that kept pictures may take.
MEMORY_SHARE = 0.5

Read = Callable[[], Picture]


class PictureStore(Protocol):
    """Where resized pictures come from."""

    def get(self, path: str, size: tuple[int, int], read: Read) -> Picture:
        """Return the picture at `path` in (h, w); `read` makes it when it is not kept."""
        ...


class NoStore:
    """Keeps nothing."""

    def get(self, path: str, size: tuple[int, int], read: Read) -> Picture:
        """Return what `read` makes."""
        return read()


class MemoryStore:
    """Keeps every picture in memory, as bytes."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, tuple[int, int]], Picture] = {}

    def get(self, path: str, size: tuple[int, int], read: Read) -> Picture:
        """Return the kept picture; callers must not write to it."""
        key = (path, size)
        if key not in self._kept:
            self._kept[key] = read()
        return self._kept[key]


class DiskStore:
    """Keeps every picture as an array in a folder of posekit's own; files beside the user's are never made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, path: str, size: tuple[int, int], read: Read) -> Picture:
        """Return the kept picture; a changed picture file has another key."""
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
        try:
            with replacing(target) as draft, draft.open("wb") as file:
                np.save(file, picture)
        except OSError as error:
            raise OutputError(
                f"cache=disk: {target} cannot be written ({error.strerror or error}); POSEKIT_CACHE_DIR names another "
                "folder"
            ) from error


def open_store(cache: bool | str, sizes: Sequence[tuple[int, int]]) -> PictureStore:
    """Return the store that the setting ``cache`` asks for.

    Args:
        cache: False, True or "ram", or "disk".
        sizes: (h, w) of all pictures as they will be kept; memory that would not hold them is not used,
            with a warning.
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
