"""Which parts the rows of a multitask file hold; two layouts are in use, and files do not say which is theirs."""

from collections.abc import Sequence

import numpy as np

from posekit.data.label_files.fault import Fault
from posekit.data.label_files.forms import MIN_POLYGON_VALUES, POLYGON, POSE, Form, width_fault
from posekit.data.label_files.numbers import Floats, Numbers
from posekit.data.label_files.rule import LabelRule

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
