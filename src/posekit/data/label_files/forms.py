"""Which parts a row holds, told by how many values it has: rows of detection, segmentation and pose files."""

from typing import NamedTuple

import numpy as np

from posekit.data.label_files.fault import Fault
from posekit.data.label_files.numbers import Numbers
from posekit.data.label_files.rule import LabelRule

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
