"""Labels of pictures that were scanned before: kept in the user's cache folder, found again by what was scanned."""

import hashlib
import os
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from posekit.config.user_folders import cache_folder
from posekit.data.label_files.file_bytes import read_label_bytes
from posekit.data.label_files.rule import LabelRule
from posekit.data.label_files.scan import UNAVAILABLE, Scan, scan_label_files
from posekit.data.packed_scan import pack_scan, unpack_scan
from posekit.data.picture_files import label_file_name
from posekit.files.atomic import replacing
from posekit.log import LOGGER
from posekit.version import __version__

# To be raised whenever the scan of the same files comes to something else, or is stored in another form.
FORMAT_VERSION = 1
MAX_FILES = 64
# What reading a damaged or foreign file may raise; Warning: when the caller turned warnings into errors.
_DAMAGE = (
    OSError, ValueError, LookupError, TypeError, AttributeError, EOFError, RuntimeError, MemoryError,
    zipfile.BadZipFile, zlib.error, Warning,
)  # fmt: skip


def scan_with_cache(pictures: Sequence[str], rule: LabelRule) -> Scan:
    """Return what `scan_label_files` does, from the cache when the same files were scanned by the same rule.

    Files are the same when path, size and time of the pictures and the bytes of the label files are. Nothing is kept
    of a scan that stumbled over something outside the files, such as a package that is not installed.
    """
    key = fingerprint(pictures, rule)
    path = cache_folder() / "labels" / f"{key}.npz"
    known = _load(path, key, pictures)
    if known is not None:
        return known
    scan = scan_label_files(pictures, rule)
    if not any(problem.code == UNAVAILABLE for problem in scan.report.problems):
        _store(path, key, scan, pictures)
    return scan


def fingerprint(pictures: Sequence[str], rule: LabelRule) -> str:
    """Return a name for what a scan of these pictures by this rule reads."""
    digest = hashlib.blake2b(digest_size=16)
    classes = None if rule.keypoint_classes is None else sorted(rule.keypoint_classes)
    scanned = (
        __version__, FORMAT_VERSION, len(pictures),
        rule.task, rule.nc, rule.kpt_shape, rule.single_cls, rule.layout, classes,
    )  # fmt: skip
    digest.update(repr(scanned).encode())
    for picture in pictures:
        content = read_label_bytes(label_file_name(picture))
        label = content if isinstance(content, bytes) else repr(content).encode()
        head = f"{picture}\0{_stamp(picture)}\0{type(content).__name__}\0{len(label)}\0"
        digest.update(head.encode("utf-8", "surrogateescape"))
        digest.update(label)
    return digest.hexdigest()


def _stamp(picture: str) -> tuple[int, int] | str:
    """Return size and time of a picture file."""
    try:
        status = os.stat(picture)  # noqa: PTH116 - many files: Path is slower
    except OSError as error:
        return type(error).__name__
    return status.st_size, status.st_mtime_ns


def _load(path: Path, key: str, pictures: Sequence[str]) -> Scan | None:
    if not path.exists():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        if str(arrays["key"]) != key:
            raise ValueError("it was made for other files")
        scan = unpack_scan(arrays, pictures)
        os.utime(path)  # the least used ones are removed first
    except _DAMAGE as error:
        LOGGER.debug("%s: the label cache is not usable (%s); the label files are read again", path, error)
        return None
    return scan


def _store(path: Path, key: str, scan: Scan, pictures: Sequence[str]) -> None:
    try:
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, key=np.array(key), **pack_scan(scan, pictures))
        _remove_oldest(path.parent)
    except OSError as error:
        LOGGER.debug("%s: the label cache cannot be written (%s)", path, error)


def _remove_oldest(folder: Path) -> None:
    by_age = sorted(folder.glob("*.npz"), key=lambda path: path.stat().st_mtime_ns)
    for path in by_age[:-MAX_FILES]:
        path.unlink(missing_ok=True)
