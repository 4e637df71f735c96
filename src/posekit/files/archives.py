"""Archives unpacked safely, zip and tar alike, one member at a time."""

import bz2
import gzip
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Any

from posekit.errors import DatasetError, OutputError
from posekit.files.magic import HEAD_BYTES, identify

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_OPENERS: dict[str, Callable[..., Any]] = {
    "gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open, "tar": Path.open,
}  # fmt: skip
_BLOCK = 512

# The longest run that tarfile reads at once for a header; a hostile header asks for gigabytes.
_LONGEST_READ = 1 << 20

# Pictures hardly shrink and label files to a quarter; archives made to fill a disk reach a thousand and more.
LARGEST_RATIO = 200
ALWAYS_ALLOWED_BYTES = 1 << 30

_DAMAGED = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, ValueError, OverflowError,
    RuntimeError,  # an encrypted zip, or a compression that Python does not know
)  # fmt: skip
_LITTER = ("__MACOSX", ".DS_Store")


@dataclass(frozen=True)
class Member:
    """One file or folder of an archive; nothing of it is to be trusted.

    Its size is in bytes when unpacked; `open` opens it for reading, and is None for a folder.
    """

    name: str
    size: int
    open: Callable[[], IO[bytes]] | None


def archive_stem(name: str) -> str | None:
    """Return the name of an archive without its suffix; None when the suffix is none of an archive."""
    suffix = max((suffix for suffix in ARCHIVE_SUFFIXES if name.lower().endswith(suffix)), key=len, default=None)
    return name[: -len(suffix)] if suffix else None


def members(path: Path, most_bytes: int) -> Iterator[Member]:
    """Yield what a zip or tar archive, known by its content, holds; each must be read before the next is asked for.

    A compressed tar may hold `most_bytes`; a zip says the sizes of its members beforehand. Raises `DatasetError` for
    what is no archive, or holds links or devices, and of a damaged one whatever the decompressors raise.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    content = identify(head)
    kind = content.format if content else ""
    if kind.endswith("ZIP"):
        yield from _zip_members(path)
    elif kind in _OPENERS:
        yield from _tar_members(path, kind, most_bytes)
    else:
        raise DatasetError(f"{path}: is no zip or tar archive (it starts with {head[:24]!r})")


def _zip_members(path: Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _no_plain_file(path, entry.filename)
            opener = None if entry.is_dir() else partial(archive.open, entry)
            yield Member(entry.filename, entry.file_size, opener)


def _tar_members(path: Path, kind: str, most_bytes: int) -> Iterator[Member]:
    with _OPENERS[kind](path, "rb") as inner:
        stream = _GuardedStream(inner, path, most_bytes)
        with tarfile.open(fileobj=stream, mode="r:") as archive:  # type: ignore[call-overload]
            for entry in archive:
                if not entry.isfile() and not entry.isdir():
                    raise _no_plain_file(path, entry.name)
                yield Member(entry.name, entry.size, partial(_extract, archive, entry) if entry.isfile() else None)
        if stream.last != bytes(_BLOCK):
            raise EOFError("its end is missing")
        while stream.read(_LONGEST_READ):  # to the checksum at the end
            pass


def _extract(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    file = archive.extractfile(entry)
    if file is None:
        raise tarfile.ReadError(f"{entry.name} is no file")
    return file


def _no_plain_file(path: Path, name: str) -> DatasetError:
    return DatasetError(
        f"{path}: holds {name!r}, which is a link or device and not unpacked: unpack the archive yourself, if you "
        "trust it, and name the folder"
    )


class _GuardedStream:
    """What `tarfile` reads from: refuses to unpack more than agreed, or to read much at once into memory."""

    def __init__(self, inner: IO[bytes], path: Path, most_bytes: int) -> None:
        self._inner, self._path, self._most = inner, path, most_bytes
        self.last = b""

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _LONGEST_READ:
            raise tarfile.ReadError(f"a header of {size} bytes")
        self.last = self._inner.read(size)
        self._check(self._inner.tell())
        return self.last

    def seek(self, position: int, whence: int = 0) -> int:
        self._check(position)
        return self._inner.seek(position, whence)

    def tell(self) -> int:
        return self._inner.tell()

    def _check(self, position: int) -> None:
        if position > self._most:
            raise too_large(self._path, position)


def too_large(path: Path, size: int) -> DatasetError:
    """Return the error for an archive whose content is out of proportion to its size."""
    return DatasetError(
        f"{path}: unpacks to {size:,} bytes or more, out of proportion to its {path.stat().st_size:,}: "
        "it may be made to fill disks; unpack it yourself, if you trust it, and name the folder"
    )


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip or tar archive.

    Args:
        archive: the file, known by its content, not its suffix.
        folder: an existing, empty folder. When an error is raised, it may hold a part.

    Raises:
        DatasetError: the archive is damaged, or holds something that may not be unpacked: a path out of the folder,
            a link, a file twice, or far more data than its size explains.
        OutputError: the disk has no room, or a file cannot be written.
    """
    packed = archive.stat().st_size
    limit = max(ALWAYS_ALLOWED_BYTES, LARGEST_RATIO * packed)
    total = 0
    try:
        for member in members(archive, limit):
            total += member.size
            if total > limit:
                raise too_large(archive, total)
            _write(member, archive, folder)
    except (DatasetError, OutputError):
        raise
    except _DAMAGED as error:
        raise DatasetError(f"{archive}: cannot be unpacked ({error}): get it afresh") from error
    except OSError as error:
        if error.errno is None:  # gzip and bz2 raise these for damaged data
            raise DatasetError(f"{archive}: cannot be unpacked ({error}): get it afresh") from error
        raise OutputError(f"{archive} cannot be unpacked into {folder.parent} ({error.strerror})") from error


def _write(member: Member, archive: Path, folder: Path) -> None:
    path = _inner_path(member.name, archive)
    if any(part in _LITTER for part in path.parts):
        return
    target = folder / path
    try:
        if member.open is None:
            target.mkdir(parents=True, exist_ok=True)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        _check_room(member, archive, folder)
        with member.open() as source, target.open("xb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise DatasetError(f"{archive}: holds {member.name!r} twice, or as a file and as a folder") from error


def _inner_path(name: str, archive: Path) -> PurePosixPath:
    """Return a member's path within the folder."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or PureWindowsPath(name).drive:
        raise DatasetError(f"{archive}: holds {name!r}, a path that leads out of the folder: nothing was unpacked")
    return path


def _check_room(member: Member, archive: Path, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if member.size > free:
        raise OutputError(f"{archive}: {member.name!r} needs {member.size:,} bytes, but only {free:,} are free")
