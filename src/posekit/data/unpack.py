"""Unpacks archives that nobody has checked: no member leaves the folder, no link is made, no disk is filled."""

import lzma
import shutil
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath

from posekit.data.archive_members import Member, members, too_large
from posekit.errors import DatasetError, OutputError

# Pictures hardly shrink and label files to a quarter; archives made to fill a disk reach a thousand and more.
LARGEST_RATIO = 200
ALWAYS_ALLOWED_BYTES = 1 << 30

_DAMAGED = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, ValueError, OverflowError,
    RuntimeError,  # an encrypted zip, or a compression that Python does not know
)  # fmt: skip
_LITTER = ("__MACOSX", ".DS_Store")


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
