"""A scan of label files as a few plain arrays, and back: what a cache file holds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posekit.data.label_files.scan import Scan
from posekit.data.labels import Floats, PictureLabels
from posekit.data.problem import Problem
from posekit.data.split import ScanReport

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
