"""Labels of pictures that were scanned before: kept in the user's cache folder, found again by what was scanned."""

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posekit.data.find_pictures import label_file_name
from posekit.data.labels import Labels, ScanReport
from posekit.data.yolo.parse import UNAVAILABLE, scan_label_files
from posekit.data.yolo.rows import LabelRule, read_label_bytes
from posekit.files.problems import Problem
from posekit.files.user_folders import cache_folder
from posekit.files.writing import replacing
from posekit.log import LOGGER
from posekit.version import __version__

# To be raised whenever the scan of the same files comes to something else, or is stored in another form.
_FORMAT_VERSION = 2

MAX_FILES = 64

# What reading a damaged or foreign file may raise; Warning: when the caller turned warnings into errors.
_DAMAGE = (
    OSError, ValueError, LookupError, TypeError, AttributeError, EOFError, RuntimeError, MemoryError,
    zipfile.BadZipFile, zlib.error, Warning,
)  # fmt: skip

_COLUMNS = ("sizes", "starts", "classes", "boxes", "keypoints", "polygon_points", "polygon_starts")


def pack_scan(labels: Labels, report: ScanReport, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return arrays, none of them of objects, that `unpack_scan` makes the same scan of.

    Args:
        labels: what label files held.
        report: what was told about them.
        names: the pictures that were scanned, in the same order; those of the labels are among them.
    """
    numbered = enumerate(names)
    kept = [next(number for number, name in numbered if name == path) for path in labels.paths]
    columns = {name: column for name in _COLUMNS if (column := getattr(labels, name)) is not None}
    told = np.frombuffer(json.dumps(asdict(report)).encode("ascii"), np.uint8)
    return {"kept": np.array(kept, np.int64), "report": told, **columns}


def unpack_scan(arrays: Mapping[str, NDArray[Any]], names: Sequence[str]) -> tuple[Labels, ScanReport]:
    """Return the scan that was packed; errors of any kind in `_DAMAGE` when the arrays are not such a scan."""
    told = json.loads(arrays["report"].tobytes())
    problems = tuple(Problem(**problem) for problem in told.pop("problems"))
    columns: dict[str, Any] = {name: arrays[name] for name in _COLUMNS if name in arrays}
    labels = Labels(paths=[names[number] for number in arrays["kept"].tolist()], **columns)
    return labels, ScanReport(problems=problems, **told)


def scan_with_cache(pictures: Sequence[str], rule: LabelRule) -> tuple[Labels, ScanReport]:
    """Return what `scan_label_files` does, from the cache when the same files were scanned by the same rule.

    Files are the same when path, size and time of the pictures and the bytes of the label files are. Nothing is kept
    of a scan that stumbled over something outside the files, such as a package that is not installed.
    """
    key = fingerprint(pictures, rule)
    path = cache_folder() / "labels" / f"{key}.npz"
    known = _load(path, key, pictures)
    if known is not None:
        return known
    labels, report = scan_label_files(pictures, rule)
    if not any(problem.code == UNAVAILABLE for problem in report.problems):
        _store(path, {"key": np.array(key), **pack_scan(labels, report, pictures)})
    return labels, report


def fingerprint(pictures: Sequence[str], rule: LabelRule) -> str:
    """Return a name for what a scan of these pictures by this rule reads."""
    digest = hashlib.blake2b(digest_size=16)
    classes = None if rule.keypoint_classes is None else sorted(rule.keypoint_classes)
    scanned = (
        __version__, _FORMAT_VERSION, len(pictures),
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


def _load(path: Path, key: str, pictures: Sequence[str]) -> tuple[Labels, ScanReport] | None:
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


def _store(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    try:
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        by_age = sorted(path.parent.glob("*.npz"), key=lambda path: path.stat().st_mtime_ns)
        for oldest in by_age[:-MAX_FILES]:
            oldest.unlink(missing_ok=True)
    except OSError as error:
        LOGGER.debug("%s: the label cache cannot be written (%s)", path, error)
