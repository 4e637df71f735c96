"""Which parts a row holds, told by how many values it has, and objects made of these parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from posekit.data.yolo.rows import Floats, LabelRule, Rows
from posekit.files.problems import Problem

_MIN_POLYGON_VALUES = 6

# How far, as a fraction of the picture, a written box may be from the extent of its polygon.
_BOX_TOLERANCE = 0.02


class Parts(NamedTuple):
    """The parts of a row behind its class: box (4 values), keypoints (K * D), polygon (the rest), in this order."""

    box: bool
    keypoints: bool
    polygon: bool


_BOX = Parts(box=True, keypoints=False, polygon=False)
_POLYGON = Parts(box=False, keypoints=False, polygon=True)
_POSE = Parts(box=True, keypoints=True, polygon=False)
_POSE_POLYGON = Parts(box=True, keypoints=True, polygon=True)
_POINTS_POLYGON = Parts(box=False, keypoints=True, polygon=True)


@dataclass(frozen=True, eq=False)
class RawObjects:
    """N objects as a file states them, not yet checked; coordinates are fractions of width and height.

    Attributes:
        parts: what each row holds.
        classes: (N,) float32.
        boxes: (N, 4) float32 centre x, centre y, width, height; the polygon's extent where the file states none.
        keypoints: (N, K, D) float32, zeros for rows without; None when there are no keypoints.
        polygons: N times vertices (V, 2) float32, (0, 2) for rows without; None when no row has one.
        extents: (N, 4) float32 boxes around the polygons, zeros for rows without; None likewise.
    """

    parts: list[Parts]
    classes: Floats
    boxes: Floats
    keypoints: Floats | None
    polygons: list[Floats] | None = None
    extents: Floats | None = None

    def __len__(self) -> int:
        return len(self.parts)


def parts_of(rows: Rows, rule: LabelRule) -> tuple[list[Parts], list[Problem]]:
    """Tell the parts of the rows of a file, and which rows have a wrong number of values.

    Files for detection and segmentation are all boxes, all polygons or all poses.

    Returns:
        Parts for each row, meaningless for those with a problem.
    """
    if rule.task == "multitask" or (rule.layout and rule.kpt_shape):
        return _multitask_parts(rows, rule)
    if rule.task == "pose":
        count, dims = rule.kpt_shape or (0, 0)
        whole = f"5 + K*D for class, box and {count} keypoints of {dims} values"
        return [_POSE] * len(rows), _unlike(rows, rule.pose_columns, whole)
    if rule.kpt_shape and _is_pose_file(rows, rule):
        return [_POSE] * len(rows), []
    if max(rows.widths) > 6:
        return [_POLYGON] * len(rows), _no_polygons(rows)
    return [_BOX] * len(rows), _unlike(rows, 5, "a box (class, cx, cy, w, h)")


def _is_pose_file(rows: Rows, rule: LabelRule) -> bool:
    """Tell whether all rows are poses. Polygons may chance to be as long, but have no column of visibilities."""
    if set(rows.widths) != {rule.pose_columns}:
        return False
    if rule.task == "detect" or not rule.kpt_shape or rule.kpt_shape[1] == 2:
        return True
    visibilities = rows.flat.reshape(-1, rule.pose_columns)[:, 7::3]
    return bool(np.isin(visibilities, (0, 1, 2)).all())


def _unlike(rows: Rows, wanted: int, whole: str) -> list[Problem]:
    """Return a problem for each row of another width; it points at the first surplus value, else the last one."""
    return [
        _wrong_width(rows, row, f"{wanted}: {whole}", word=wanted)
        for row, width in enumerate(rows.widths)
        if width != wanted
    ]


def _wrong_width(rows: Rows, row: int, expected: str, word: int | None = None) -> Problem:
    width = rows.widths[row]
    last = width - 1
    word = last if word is None else min(word, last)
    return rows.problem(row, word, "wrong_columns", f"{width} columns, expected {expected}")


def _no_polygons(rows: Rows) -> list[Problem]:
    problems = []
    for row, width in enumerate(rows.widths):
        if width == 5:
            message = "a box (5 columns) among polygons; a file holds either boxes or polygons"
            problems.append(rows.problem(row, 4, "mixed_rows", message))
        elif not _is_polygon(width - 1):
            expected = "an odd number from 7: class and x y of 3 or more outline points"
            problems.append(_wrong_width(rows, row, expected))
    return problems


def _is_polygon(values: int) -> bool:
    return values >= _MIN_POLYGON_VALUES and values % 2 == 0


def _multitask_parts(rows: Rows, rule: LabelRule) -> tuple[list[Parts], list[Problem]]:
    """Tell the parts of multitask rows.

    A row as long as a pose row is one: an object without polygon. The others are, with or without a box in front,
    keypoints and a polygon; classes without keypoints may have the polygon alone.
    """
    values = rows.values()
    boxed = (rule.layout or _layout_of(values, rule)) == "box_keypoints_polygon"
    parts, problems = [], []
    for row, of_row in enumerate(values):
        found = _boxed_parts(len(of_row), rule) if boxed else _boxless_parts(of_row, rule)
        parts.append(found or _POSE)
        if found is None:
            problems.append(_wrong_width(rows, row, _expected(rule, boxed)))
    return parts, problems


def _boxed_parts(width: int, rule: LabelRule) -> Parts | None:
    if width == rule.pose_columns:
        return _POSE
    return _POSE_POLYGON if _is_polygon(width - rule.pose_columns) else None


def _boxless_parts(values: Floats, rule: LabelRule) -> Parts | None:
    width = len(values)
    if not rule.has_keypoints(int(values[0])) and _is_polygon(width - 1):
        return _POLYGON
    if width == rule.pose_columns:
        return _POSE
    return _POINTS_POLYGON if _is_polygon(width - 1 - rule.keypoint_values) else None


def _layout_of(rows: Sequence[Floats], rule: LabelRule) -> str:
    """Decide by whether values 1 to 4 are the extent of the polygon behind the keypoints, in all rows."""
    long = [values for values in rows if _is_polygon(len(values) - rule.pose_columns)]
    if long and all(_starts_with_box(values, rule) for values in long):
        return "box_keypoints_polygon"
    # A box that is drawn loosely around its polygon: then the visibilities still tell.
    if long and _visibilities_fit(long, 5, rule) and not _visibilities_fit(long, 1, rule):
        return "box_keypoints_polygon"
    return "keypoints_polygon"


def _starts_with_box(values: Floats, rule: LabelRule) -> bool:
    extent = _extents([values[rule.pose_columns :].reshape(-1, 2)])[0]
    return bool((np.abs(values[1:5] - extent) <= _BOX_TOLERANCE).all())


def _visibilities_fit(rows: Sequence[Floats], first: int, rule: LabelRule) -> bool:
    """Tell whether keypoints that begin at value `first` have visibilities of 0, 1 or 2 in all rows."""
    if not rule.kpt_shape or rule.kpt_shape[1] == 2:
        return False
    return all(np.isin(values[first + 2 : first + rule.keypoint_values : 3], (0, 1, 2)).all() for values in rows)


def _expected(rule: LabelRule, boxed: bool) -> str:
    count, dims = rule.kpt_shape or (0, 0)
    front = rule.pose_columns if boxed else 1 + rule.keypoint_values
    parts = f"class, {'box, ' if boxed else ''}{count} keypoints of {dims} values"
    return (
        f"{rule.pose_columns} = 5 + K*D (class, box, keypoints), "
        f"or {front} ({parts}) and x y of 3 or more outline points"
    )


def take_apart(rows: Rows, parts: list[Parts], rule: LabelRule) -> RawObjects:
    """Take rows apart that have as many values as their parts need."""
    if not any(part.polygon for part in parts) and len(set(rows.widths)) == 1:
        table = rows.flat.reshape(len(rows), -1)
        keypoints = None
        if rule.kpt_shape and parts[0].keypoints:
            keypoints = table[:, 5:].reshape(len(table), *rule.kpt_shape)
        return RawObjects(parts, table[:, 0], table[:, 1:5], keypoints)
    values = rows.values()
    front = [4 * part.box + rule.keypoint_values * part.keypoints for part in parts]
    polygons = [
        one[1 + skip :].reshape(-1, 2) if part.polygon else np.zeros((0, 2), np.float32)
        for one, skip, part in zip(values, front, parts, strict=True)
    ]
    extents = _extents(polygons)
    boxes = extents.copy()
    for index, (one, part) in enumerate(zip(values, parts, strict=True)):
        if part.box:
            boxes[index] = one[1:5]
    return RawObjects(parts, rows.flat[rows.starts[:-1]], boxes, _keypoints(values, parts, rule), polygons, extents)


def _keypoints(rows: list[Floats], parts: list[Parts], rule: LabelRule) -> Floats | None:
    if not rule.kpt_shape or not any(part.keypoints for part in parts):
        return None
    keypoints = np.zeros((len(rows), *rule.kpt_shape), np.float32)
    for index, (values, part) in enumerate(zip(rows, parts, strict=True)):
        if part.keypoints:
            first = 5 if part.box else 1
            keypoints[index] = values[first : first + rule.keypoint_values].reshape(rule.kpt_shape)
    return keypoints


def _extents(polygons: list[Floats]) -> Floats:
    """Return (N, 4) centre x, centre y, width, height of N polygons; zeros where there is none."""
    extents = np.zeros((len(polygons), 4), np.float32)
    counts = np.array([len(polygon) for polygon in polygons])
    points = np.concatenate(polygons)
    starts = np.cumsum([0, *counts[:-1]])[counts > 0]
    low = np.minimum.reduceat(points, starts, axis=0)
    high = np.maximum.reduceat(points, starts, axis=0)
    with np.errstate(over="ignore"):  # an infinite extent is out of bounds, and told so
        extents[counts > 0] = np.concatenate([(low + high) / 2, high - low], axis=1)
    return extents
