"""Whether the values of objects are in their ranges."""

import numpy as np
from numpy.typing import NDArray

from posekit.config.task_parts import TASKS_WITH_KEYPOINTS
from posekit.data.label_files.fault import Fault
from posekit.data.label_files.numbers import Floats, Numbers
from posekit.data.label_files.objects import RawObjects
from posekit.data.label_files.rule import LabelRule

# Annotation tools round; coordinates may be beyond the picture by this fraction of it.
_HIGHEST, _LOWEST = 1.01, -0.01
# Boxes of pose rows may leave the picture, but not by this many pictures.
_HIGHEST_POSE_BOX = 100.0
_MAX_CLASS = 2**31
_FRACTIONS = "coordinates are fractions of the picture's width and height"
_BOX_NAMES = ("cx", "cy", "w", "h")


def value_faults(numbers: Numbers, objects: RawObjects, rule: LabelRule) -> list[Fault]:
    """Return what is wrong with the values of objects, at most one fault per row and kind of value.

    Args:
        numbers: the rows that the objects were taken from.
        objects: as many as rows.
        rule: what is expected.
    """
    uses_keypoints = rule.task in TASKS_WITH_KEYPOINTS
    faults = [
        *_class_faults(numbers.rows, objects.classes, rule),
        *_box_faults(numbers.rows, objects, _HIGHEST_POSE_BOX if rule.task == "pose" else _HIGHEST),
        *_polygon_faults(numbers, objects),
        *(_keypoint_faults(numbers.rows, objects) if uses_keypoints else ()),
    ]
    return sorted(faults)


def _class_faults(rows: list[int], classes: Floats, rule: LabelRule) -> list[Fault]:
    end = _MAX_CLASS if rule.single_cls else rule.nc
    expected = "a whole number from 0" if rule.single_cls else f"0 to {rule.nc - 1} (nc is {rule.nc})"
    fractional = classes != np.floor(classes)
    if not fractional.any() and classes.min() >= 0 and classes.max() < end:
        return []
    outside = ~fractional & ((classes < 0) | (classes >= end))
    return [
        *(
            Fault(rows[i], 0, "fractional_class", f"class {classes[i]:g} is no whole number; expected {expected}")
            for i in np.flatnonzero(fractional)
        ),
        *(
            Fault(rows[i], 0, "class_out_of_range", f"class {classes[i]:g} does not exist; expected {expected}")
            for i in np.flatnonzero(outside)
        ),
    ]


def _box_faults(rows: list[int], objects: RawObjects, highest: float) -> list[Fault]:
    """Check the boxes that rows state."""
    if not _any_outside(objects.boxes, highest):
        return []
    faults = []
    for index in np.flatnonzero(_is_outside(objects.boxes, highest).any(axis=1)):
        if objects.forms[index].box:
            word = int(np.flatnonzero(_is_outside(objects.boxes[index : index + 1], highest)[0])[0])
            value = objects.boxes[index, word]
            faults.append(_fault(rows[index], 1 + word, _BOX_NAMES[word], value, highest, size=word > 1))
    return faults


def _polygon_faults(numbers: Numbers, objects: RawObjects) -> list[Fault]:
    """Check polygons by the boxes around them; the value that reaches out farthest is pointed at."""
    if objects.polygons is None or objects.extents is None or not _any_outside(objects.extents, _HIGHEST):
        return []
    outside = _is_outside(objects.extents, _HIGHEST)
    faults = []
    for index in np.flatnonzero(outside.any(axis=1)):
        side = int(np.flatnonzero(outside[index])[0])
        polygon = objects.polygons[index]
        point = int(np.argmax(np.abs(polygon[:, side % 2] - 0.5)))
        word = numbers.widths[index] - polygon.size + 2 * point + side % 2
        farthest = f"{'xy'[side % 2]} of point {point + 1} is {polygon[point, side % 2]:g}"
        name = f"{_BOX_NAMES[side]} of the outline ({farthest})"
        faults.append(_fault(numbers.rows[index], word, name, objects.extents[index, side], _HIGHEST))
    return faults


def _keypoint_faults(rows: list[int], objects: RawObjects) -> list[Fault]:
    if objects.keypoints is None:
        return []
    points = objects.keypoints[..., :2]
    if points.max() <= _HIGHEST and objects.keypoints.min() >= _LOWEST:
        return []
    outside = objects.keypoints < _LOWEST
    outside[..., :2] |= points > _HIGHEST
    faults = []
    dims = outside.shape[-1]
    for index in np.flatnonzero(outside.any(axis=(1, 2))):
        word = int(np.flatnonzero(outside[index].ravel())[0])
        value = objects.keypoints[index].ravel()[word]
        name = f"{('x', 'y', 'visibility')[word % dims]} of keypoint {word // dims + 1}"
        first = 5 if objects.forms[index].box else 1
        faults.append(_fault(rows[index], first + word, name, value, _HIGHEST))
    return faults


def _any_outside(boxes: Floats, highest: float) -> bool:
    return bool(boxes.max() > highest or boxes.min() < 0)


def _is_outside(boxes: Floats, highest: float) -> NDArray[np.bool_]:
    """(N, 4) whether each value of centre x, centre y, width, height is out of its range."""
    outside = (boxes > highest) | (boxes < _LOWEST)
    outside[:, 2:] |= boxes[:, 2:] < 0
    return outside


def _fault(row: int, word: int, name: str, value: np.float32, highest: float, size: bool = False) -> Fault:
    if value > highest:
        message = f"{name} is {value:g}, expected at most {highest:g}: {_FRACTIONS}"
        return Fault(row, word, "out_of_bounds", message)
    return Fault(
        row, word, "negative", f"{name} is {value:g}, expected at least {0 if size else _LOWEST:g}: {_FRACTIONS}"
    )
