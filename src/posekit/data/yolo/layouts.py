"""Which parts a row holds, told by how many values it has: rows of detection, segmentation and pose files."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from posekit.data.yolo.rows import Fault, Floats, LabelRule, Numbers

MIN_POLYGON_VALUES = 6


class Form(NamedTuple):
    """The parts of a row behind its class: box (4 values), keypoints (K * D), polygon (the rest), in this order."""

    box: bool
    keypoints: bool
    polygon: bool


BOX = Form(box=True, keypoints=False, polygon=False)


POLYGON = Form(box=False, keypoints=False, polygon=True)


POSE = Form(box=True, keypoints=True, polygon=False)


def box_task_forms(numbers: Numbers, rule: LabelRule) -> tuple[list[Form], list[Fault]]:
    """Tell the forms of the rows of a file for detection or segmentation: all boxes, all polygons or all poses.

    Returns:
        A form for each row, meaningless for those with a fault.
    """
    if rule.kpt_shape and _is_pose_file(numbers, rule):
        return [POSE] * len(numbers), []
    if max(numbers.widths) > 6:
        return [POLYGON] * len(numbers), _polygon_faults(numbers)
    return [BOX] * len(numbers), _width_faults(numbers, 5, "a box (class, cx, cy, w, h)")


def pose_forms(numbers: Numbers, rule: LabelRule) -> tuple[list[Form], list[Fault]]:
    """Tell the forms of the rows of a pose file, as `box_task_forms` does."""
    count, dims = rule.kpt_shape or (0, 0)
    whole = f"5 + K*D for class, box and {count} keypoints of {dims} values"
    return [POSE] * len(numbers), _width_faults(numbers, rule.pose_columns, whole)


def width_fault(row: int, width: int, wanted: int, expected: str) -> Fault:
    """Return the fault of a row with a wrong number of values.

    Args:
        row: index of the row.
        width: how many values it has.
        wanted: how many were expected; the first surplus value is pointed at, else the last one there is.
        expected: the same in words.
    """
    return Fault(row, min(wanted, width - 1), "wrong_columns", f"{width} columns, expected {expected}")


def _is_pose_file(numbers: Numbers, rule: LabelRule) -> bool:
    """Tell whether all rows are poses. Polygons may chance to be as long, but have no column of visibilities."""
    if set(numbers.widths) != {rule.pose_columns}:
        return False
    if rule.task == "detect" or not rule.kpt_shape or rule.kpt_shape[1] == 2:
        return True
    visibilities = numbers.flat.reshape(-1, rule.pose_columns)[:, 7::3]
    return bool(np.isin(visibilities, (0, 1, 2)).all())


def _width_faults(numbers: Numbers, wanted: int, whole: str) -> list[Fault]:
    return [
        width_fault(row, width, wanted, f"{wanted}: {whole}")
        for row, width in zip(numbers.rows, numbers.widths, strict=True)
        if width != wanted
    ]


def _polygon_faults(numbers: Numbers) -> list[Fault]:
    faults = []
    for row, width in zip(numbers.rows, numbers.widths, strict=True):
        if width == 5:
            message = "a box (5 columns) among polygons; a file holds either boxes or polygons"
            faults.append(Fault(row, 4, "mixed_rows", message))
        elif width <= MIN_POLYGON_VALUES or width % 2 == 0:
            expected = "an odd number from 7: class and x y of 3 or more outline points"
            faults.append(width_fault(row, width, width, expected))
    return faults


WITH_BOX = Form(box=True, keypoints=True, polygon=True)


WITHOUT_BOX = Form(box=False, keypoints=True, polygon=True)


# How far, as a fraction of the picture, a written box may be from the extent of its polygon.
_BOX_TOLERANCE = 0.02


def multitask_forms(numbers: Numbers, rule: LabelRule) -> tuple[list[Form], list[Fault]]:
    """Tell the forms of the rows of a multitask file.

    A row as long as a pose row is one: an object without polygon. The others are, with or without a box in front,
    keypoints and a polygon; classes without keypoints may have the polygon alone.

    Returns:
        A form for each row, meaningless for those with a fault.
    """
    rows = numbers.by_row()
    boxed = (rule.layout or _layout_of(rows, rule)) == "box_keypoints_polygon"
    forms, faults = [], []
    for row, values in zip(numbers.rows, rows, strict=True):
        form = _boxed_form(len(values), rule) if boxed else _boxless_form(values, rule)
        forms.append(form or POSE)
        if form is None:
            faults.append(width_fault(row, len(values), len(values), _expected(rule, boxed)))
    return forms, faults


def _boxed_form(width: int, rule: LabelRule) -> Form | None:
    if width == rule.pose_columns:
        return POSE
    return WITH_BOX if _is_polygon(width - rule.pose_columns) else None


def _boxless_form(values: Floats, rule: LabelRule) -> Form | None:
    width = len(values)
    if not rule.has_keypoints(int(values[0])) and _is_polygon(width - 1):
        return POLYGON
    if width == rule.pose_columns:
        return POSE
    return WITHOUT_BOX if _is_polygon(width - 1 - rule.keypoint_values) else None


def _is_polygon(values: int) -> bool:
    return values >= MIN_POLYGON_VALUES and values % 2 == 0


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
    points = values[rule.pose_columns :].reshape(-1, 2)
    low, high = points.min(axis=0), points.max(axis=0)
    with np.errstate(over="ignore"):
        extent = np.concatenate([(low + high) / 2, high - low])
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


@dataclass(frozen=True, eq=False)
class RawObjects:
    """N objects as a file states them, not yet checked; coordinates are fractions of width and height.

    Attributes:
        forms: the parts that each row holds.
        classes: (N,) float32.
        boxes: (N, 4) float32 centre x, centre y, width, height; the polygon's extent where the file states none.
        keypoints: (N, K, D) float32, zeros for rows without; None when there are no keypoints.
        polygons: N outlines (P, 2) float32, (0, 2) for rows without; None when no row has one.
        extents: (N, 4) float32 boxes around the outlines, zeros for rows without; None likewise.
    """

    forms: list[Form]
    classes: Floats
    boxes: Floats
    keypoints: Floats | None
    polygons: list[Floats] | None = None
    extents: Floats | None = None

    def __len__(self) -> int:
        return len(self.forms)


def take_apart(numbers: Numbers, forms: list[Form], rule: LabelRule) -> RawObjects:
    """Take rows apart that have as many values as their forms need."""
    if not any(form.polygon for form in forms) and len(set(numbers.widths)) == 1:
        return _take_table_apart(numbers.flat.reshape(len(forms), -1), forms, rule)
    rows = numbers.by_row()
    front = [4 * form.box + rule.keypoint_values * form.keypoints for form in forms]
    polygons = [
        values[1 + skip :].reshape(-1, 2) if form.polygon else np.zeros((0, 2), np.float32)
        for values, skip, form in zip(rows, front, forms, strict=True)
    ]
    extents = _extents(polygons)
    boxes = extents.copy()
    for index, (values, form) in enumerate(zip(rows, forms, strict=True)):
        if form.box:
            boxes[index] = values[1:5]
    return RawObjects(forms, numbers.flat[numbers.starts], boxes, _keypoints(rows, forms, rule), polygons, extents)


def _take_table_apart(table: Floats, forms: list[Form], rule: LabelRule) -> RawObjects:
    keypoints = None
    if rule.kpt_shape and forms[0].keypoints:
        keypoints = table[:, 5:].reshape(len(table), *rule.kpt_shape)
    return RawObjects(forms, table[:, 0], table[:, 1:5], keypoints)


def _keypoints(rows: list[Floats], forms: list[Form], rule: LabelRule) -> Floats | None:
    if not rule.kpt_shape or not any(form.keypoints for form in forms):
        return None
    keypoints = np.zeros((len(rows), *rule.kpt_shape), np.float32)
    for index, (values, form) in enumerate(zip(rows, forms, strict=True)):
        if form.keypoints:
            first = 5 if form.box else 1
            keypoints[index] = values[first : first + rule.keypoint_values].reshape(rule.kpt_shape)
    return keypoints


def _extents(polygons: list[Floats]) -> Floats:
    """Return (N, 4) centre x, centre y, width, height of N outlines; zeros where there is none."""
    extents = np.zeros((len(polygons), 4), np.float32)
    counts = np.array([len(polygon) for polygon in polygons])
    points = np.concatenate(polygons)
    starts = np.cumsum([0, *counts[:-1]])[counts > 0]
    if not len(starts):
        return extents
    low = np.minimum.reduceat(points, starts, axis=0)
    high = np.maximum.reduceat(points, starts, axis=0)
    with np.errstate(over="ignore"):  # an infinite extent is out of bounds, and told so
        extents[counts > 0] = np.concatenate([(low + high) / 2, high - low], axis=1)
    return extents
