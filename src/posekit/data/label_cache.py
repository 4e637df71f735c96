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
from posekit.data.labels import Floats, PictureLabels, ScanReport
from posekit.data.yolo.parse import UNAVAILABLE, Scan, scan_label_files
from posekit.data.yolo.rows import LabelRule, read_label_bytes
from posekit.files.problems import Problem
from posekit.files.user_folders import cache_folder
from posekit.files.writing import replacing
from posekit.log import LOGGER
from posekit.version import __version__

Arrays = dict[str, NDArray[Any]]


def pack_scan(scan: Scan, names: Sequence[str]) -> Arrays:
    """Return arrays, none of them of objects, that `unpack_scan` makes the same scan of.

    Args:
        scan: what label files held.
        names: the pictures that were scanned, in the same order; those of the scan are among them.
    """
    pictures = scan.pictures
    outlines = [polygon for labels in pictures for polygon in labels.polygons or ()]
    keypoints = [labels.keypoints for labels in pictures if labels.keypoints is not None]
    return {
        "kept": np.array(_positions(pictures, names), np.int64),
        "sizes": np.array([labels.size for labels in pictures], np.int64).reshape(-1, 2),
        "counts": np.array([len(labels) for labels in pictures], np.int64),
        "classes": _joined([labels.classes for labels in pictures], np.zeros(0, np.int64)),
        "boxes": _joined([labels.boxes for labels in pictures], np.zeros((0, 4), np.float32)),
        "has_keypoints": np.array([labels.keypoints is not None for labels in pictures], np.bool_),
        "keypoints": _joined(keypoints, np.zeros((0, 0, 3), np.float32)),
        "has_polygons": np.array([labels.polygons is not None for labels in pictures], np.bool_),
        "polygon_counts": np.array([len(outline) for outline in outlines], np.int64),
        "polygon_points": _joined(outlines, np.zeros((0, 2), np.float32)),
        "report": np.frombuffer(json.dumps(asdict(scan.report)).encode("ascii"), np.uint8),
    }


def unpack_scan(arrays: Mapping[str, NDArray[Any]], names: Sequence[str]) -> Scan:
    """Return the scan that was packed.

    Args:
        arrays: what `pack_scan` gave.
        names: the same as then.

    Raises:
        ValueError: the arrays do not fit together.
        LookupError: an array is missing, or names a picture that is not there.
        TypeError: the report is of another form.
    """
    counts = arrays["counts"]
    parts = zip(
        arrays["kept"].tolist(),
        arrays["sizes"].tolist(),
        _cut(arrays["classes"], counts),
        _cut(arrays["boxes"], counts),
        _optional(_cut(arrays["keypoints"], counts[arrays["has_keypoints"]]), arrays["has_keypoints"]),
        _optional(_outlines(arrays), arrays["has_polygons"]),
        strict=True,
    )
    pictures = tuple(
        PictureLabels(
            path=names[position],
            size=(height, width),
            classes=classes,
            boxes=boxes,
            keypoints=points,
            polygons=outlines,
        )
        for position, (height, width), classes, boxes, points, outlines in parts
    )
    return Scan(pictures=pictures, report=_report(arrays["report"].tobytes()))


def _positions(pictures: Sequence[PictureLabels], names: Sequence[str]) -> list[int]:
    positions, following = [], 0
    for labels in pictures:
        positions.append(names.index(labels.path, following))
        following = positions[-1] + 1
    return positions


def _joined(parts: Sequence[NDArray[Any]], empty: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate(parts) if parts else empty


def _cut(joined: NDArray[Any], counts: NDArray[np.int64]) -> list[NDArray[Any]]:
    """Cut an array into parts of so many rows each."""
    if counts.sum() != len(joined):
        raise ValueError(f"{len(joined)} rows for counts of {counts.sum()}")
    ends = np.cumsum(counts).tolist()
    return [joined[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)] if ends else []


def _outlines(arrays: Mapping[str, NDArray[Any]]) -> list[tuple[Floats, ...]]:
    """Return the outlines of each picture that has them."""
    outlines = _cut(arrays["polygon_points"], arrays["polygon_counts"])
    ends = np.cumsum(arrays["counts"][arrays["has_polygons"]]).tolist()
    if len(outlines) != (ends[-1] if ends else 0):
        raise ValueError(f"{len(outlines)} outlines for another number of objects")
    return [tuple(outlines[start:end]) for start, end in zip([0, *ends[:-1]], ends, strict=True)] if ends else []


def _optional(parts: Sequence[Any], present: NDArray[np.bool_]) -> list[Any]:
    following = iter(parts)
    return [next(following) if there else None for there in present.tolist()]


def _report(data: bytes) -> ScanReport:
    values = json.loads(data)
    problems = tuple(Problem(**problem) for problem in values.pop("problems"))
    return ScanReport(problems=problems, **values)


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
