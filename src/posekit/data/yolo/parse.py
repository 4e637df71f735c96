"""Reads label files: fast when all is well, and every problem by line and column when not."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from posekit.config.commands import TASKS_WITH_KEYPOINTS, TASKS_WITH_OUTLINES
from posekit.data.find_pictures import label_file_name
from posekit.data.labels import Labels, PictureLabels, ScanReport
from posekit.data.yolo.rows import (
    Floats,
    LabelRule,
    RawObjects,
    Rows,
    cut_rows,
    encoding_problems,
    parts_of,
    read_label_bytes,
    read_numbers,
    take_apart,
)
from posekit.errors import MissingExtraError, PosekitError
from posekit.files.problems import Problem
from posekit.io.decode import picture_size

# A file with more to complain about ends with one problem that counts the rest.
MAX_PROBLEMS = 20

# Code of problems whose cause is not in the file: a package that is missing, a permission.
UNAVAILABLE = "unavailable"

# Annotation tools round; coordinates may be beyond the picture by this fraction of it.
_HIGHEST, _LOWEST = 1.01, -0.01

# Boxes of pose rows may leave the picture, but not by this many pictures.
_HIGHEST_POSE_BOX = 100.0

_MAX_CLASS = 2**31
_FRACTIONS = "coordinates are fractions of the picture's width and height"
_BOX_NAMES = ("cx", "cy", "w", "h")


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """What one picture and its label file come to.

    Attributes:
        labels: None when the picture is left out. Keypoints or polygons are None where the file has none.
        rows: how many rows of the file are not blank; None without a file. Objects, and those left out by
            `problems`, add up to it.
        problems: everything that was left out or mended.
    """

    labels: PictureLabels | None
    rows: int | None
    problems: Sequence[Problem] = ()


def scan_label_files(pictures: Sequence[str], rule: LabelRule) -> tuple[Labels, ScanReport]:
    """Read the headers of pictures and their label files.

    Pictures without a label file, or with one without rows, are background. A picture is left out when it, or
    anything in its label file, cannot be used.

    Returns:
        Labels of the pictures that can be used, in the order asked for, with classes as written; and what was found.
    """
    readings = [_read(picture, rule) for picture in pictures]
    problems = tuple(problem for reading in readings for problem in reading.problems)
    kept = [reading.labels for reading in readings if reading.labels is not None]
    missing = sum(reading.rows is None for reading in readings)
    points = rule.kpt_shape[0] if rule.kpt_shape and rule.task in TASKS_WITH_KEYPOINTS else None
    labels = Labels.join(kept, keypoints=points, polygons=rule.task in TASKS_WITH_OUTLINES)
    report = ScanReport(
        found=len(readings) - missing,
        missing=missing,
        empty=sum(reading.rows == 0 and reading.labels is not None for reading in readings),
        corrupt=len(readings) - len(kept),
        objects=len(labels.classes),
        dropped=sum(problem.objects for problem in problems),
        problems=problems,
    )
    return labels, report


def _read(picture: str, rule: LabelRule) -> Reading:
    file = label_file_name(picture)
    data = read_label_bytes(file)
    if isinstance(data, Problem):
        return Reading(labels=None, rows=0, problems=(data,))
    try:
        size = picture_size(picture)
    except PosekitError as error:
        return _without_picture(picture, data, error)
    if data is None:
        return Reading(labels=PictureLabels(path=picture, size=size), rows=None)
    return parse_labels(data, rule, file, PictureLabels(path=picture, size=size))


def _without_picture(picture: str, data: bytes | None, error: PosekitError) -> Reading:
    rows = None if data is None else len(cut_rows(data, picture))
    message = str(error).removeprefix(f"{picture}: ")
    lost = f" with its {rows} object{'s' if rows != 1 else ''}" if rows else ""
    elsewhere = isinstance(error, MissingExtraError) or (os.path.lexists(picture) and not os.access(picture, os.R_OK))
    problem = Problem(
        file=picture, message=f"{message}; the picture is left out{lost}",
        code=UNAVAILABLE if elsewhere else "picture", objects=rows or 0, picture=True,
    )  # fmt: skip
    return Reading(labels=None, rows=rows, problems=(problem,))


def parse_labels(data: bytes, rule: LabelRule, file: str, background: PictureLabels) -> Reading:
    """Read the content of a label file.

    When anything is wrong with a row, the first problem says that the picture is left out. Repeated rows are
    removed; the others are then sorted by class, box and keypoints. Classes stay as written, also where a single
    one is asked for.

    Args:
        data: content of the file.
        rule: what the rows are expected to hold.
        file: its name, for messages.
        background: the picture, without objects.
    """
    text = cut_rows(data, file)
    if not len(text):
        return Reading(labels=background, rows=0)
    problems = encoding_problems(data, text)
    if problems:
        return _refusal(problems, len(text))
    rows, problems = read_numbers(text)
    objects = None
    if len(rows):
        parts, wrong_widths = parts_of(rows, rule)
        if wrong_widths:
            lines = {problem.line for problem in wrong_widths}
            parts = [part for part, line in zip(parts, rows.numbers, strict=True) if line not in lines]
            rows = rows.without(wrong_widths)
            problems += wrong_widths
        if len(rows):
            objects = take_apart(rows, parts, rule)
            problems += _value_problems(rows, objects, rule)
    if problems or objects is None:
        return _refusal(problems, len(text))
    return _accepted(rows, objects, rule, background)


def _refusal(problems: Sequence[Problem], rows: int) -> Reading:
    """Leave a picture out: the first problem counts all its objects."""
    lost = f"; the picture is left out with its {rows} object{'s' if rows > 1 else ''}"
    ordered = sorted(problems, key=lambda one: (one.line or 0, one.column or 0, one.code, one.message))
    first = replace(ordered[0], message=ordered[0].message + lost, objects=rows, picture=True)
    shown = [first, *ordered[1:MAX_PROBLEMS], *_rest(len(ordered), first.file, 0)]
    return Reading(labels=None, rows=rows, problems=shown)


def _rest(count: int, file: str, objects: int) -> list[Problem]:
    """Return the problem that stands for those above `MAX_PROBLEMS`, each of which costs so many objects."""
    more = count - MAX_PROBLEMS
    if more <= 0:
        return []
    return [
        Problem(file=file, message=f"and {more} more such problems in this file", code="more", objects=objects * more)
    ]


def _value_problems(rows: Rows, objects: RawObjects, rule: LabelRule) -> list[Problem]:
    """Return what is wrong with the values of objects, at most one problem per row and kind of value."""
    return [
        *_class_problems(rows, objects.classes, rule),
        *_box_problems(rows, objects, _HIGHEST_POSE_BOX if rule.task == "pose" else _HIGHEST),
        *_polygon_problems(rows, objects),
        *(_keypoint_problems(rows, objects) if rule.task in TASKS_WITH_KEYPOINTS else ()),
    ]


def _class_problems(rows: Rows, classes: Floats, rule: LabelRule) -> list[Problem]:
    end = _MAX_CLASS if rule.single_cls else rule.nc
    expected = "a whole number from 0" if rule.single_cls else f"0 to {rule.nc - 1} (nc is {rule.nc})"
    fractional = classes != np.floor(classes)
    if not fractional.any() and classes.min() >= 0 and classes.max() < end:
        return []
    problems = []
    for row in np.flatnonzero(fractional | (classes < 0) | (classes >= end)).tolist():
        code, what = "class_out_of_range", "does not exist"
        if fractional[row]:
            code, what = "fractional_class", "is no whole number"
        problems.append(rows.problem(row, 0, code, f"class {classes[row]:g} {what}; expected {expected}"))
    return problems


def _box_problems(rows: Rows, objects: RawObjects, highest: float) -> list[Problem]:
    """Check the boxes that rows state."""
    if not _any_outside(objects.boxes, highest):
        return []
    problems = []
    outside = _is_outside(objects.boxes, highest)
    for row in np.flatnonzero(outside.any(axis=1)).tolist():
        if objects.parts[row].box:
            word = int(np.flatnonzero(outside[row])[0])
            value = objects.boxes[row, word]
            problems.append(_out_of_range(rows, row, 1 + word, _BOX_NAMES[word], value, highest, size=word > 1))
    return problems


def _polygon_problems(rows: Rows, objects: RawObjects) -> list[Problem]:
    """Check polygons by the boxes around them; the value that reaches out farthest is pointed at."""
    if objects.polygons is None or objects.extents is None or not _any_outside(objects.extents, _HIGHEST):
        return []
    outside = _is_outside(objects.extents, _HIGHEST)
    problems = []
    for row in np.flatnonzero(outside.any(axis=1)).tolist():
        side = int(np.flatnonzero(outside[row])[0])
        polygon = objects.polygons[row]
        point = int(np.argmax(np.abs(polygon[:, side % 2] - 0.5)))
        word = rows.widths[row] - polygon.size + 2 * point + side % 2
        farthest = f"{'xy'[side % 2]} of point {point + 1} is {polygon[point, side % 2]:g}"
        name = f"{_BOX_NAMES[side]} of the outline ({farthest})"
        problems.append(_out_of_range(rows, row, word, name, objects.extents[row, side], _HIGHEST))
    return problems


def _keypoint_problems(rows: Rows, objects: RawObjects) -> list[Problem]:
    if objects.keypoints is None:
        return []
    points = objects.keypoints[..., :2]
    if points.max() <= _HIGHEST and objects.keypoints.min() >= _LOWEST:
        return []
    outside = objects.keypoints < _LOWEST
    outside[..., :2] |= points > _HIGHEST
    problems = []
    dims = outside.shape[-1]
    for row in np.flatnonzero(outside.any(axis=(1, 2))).tolist():
        word = int(np.flatnonzero(outside[row].ravel())[0])
        value = objects.keypoints[row].ravel()[word]
        name = f"{('x', 'y', 'visibility')[word % dims]} of keypoint {word // dims + 1}"
        first = 5 if objects.parts[row].box else 1
        problems.append(_out_of_range(rows, row, first + word, name, value, _HIGHEST))
    return problems


def _any_outside(boxes: Floats, highest: float) -> bool:
    return bool(boxes.max() > highest or boxes.min() < 0)


def _is_outside(boxes: Floats, highest: float) -> NDArray[np.bool_]:
    """(N, 4) whether each value of centre x, centre y, width, height is out of its range."""
    outside = (boxes > highest) | (boxes < _LOWEST)
    outside[:, 2:] |= boxes[:, 2:] < 0
    return outside


def _out_of_range(
    rows: Rows, row: int, word: int, name: str, value: np.float32, highest: float, size: bool = False
) -> Problem:
    if value > highest:
        text = f"{name} is {value:g}, expected at most {highest:g}: {_FRACTIONS}"
        return rows.problem(row, word, "out_of_bounds", text)
    text = f"{name} is {value:g}, expected at least {0 if size else _LOWEST:g}: {_FRACTIONS}"
    return rows.problem(row, word, "negative", text)


def _accepted(rows: Rows, objects: RawObjects, rule: LabelRule, background: PictureLabels) -> Reading:
    duplicates = _find_duplicates(rows)
    order = _sorted_without(objects, duplicates) if duplicates else np.arange(len(objects))
    problems = _repetitions(duplicates, rows)
    keypoints = _keypoints(objects, rule)
    if keypoints is not None:
        problems = [*_odd_visibilities(rows, objects), *problems]
        keypoints = keypoints[order]
    polygons = None
    if objects.polygons is not None and rule.task != "pose":
        polygons = tuple(objects.polygons[index] for index in order)
    labels = PictureLabels(
        path=background.path,
        size=background.size,
        classes=objects.classes[order].astype(np.int64),
        boxes=objects.boxes[order],
        keypoints=keypoints,
        polygons=polygons,
    )
    return Reading(labels=labels, rows=len(rows), problems=problems)


def _find_duplicates(rows: Rows) -> dict[int, int]:
    """Return for each row that repeats an earlier one the index of that one."""
    if len(rows) < 2:
        return {}
    first: dict[bytes, int] = {}
    duplicates = {}
    values = (rows.flat + 0.0).tobytes()  # + 0.0 makes -0 the same as 0
    ends = [rows.flat.itemsize * start for start in rows.starts]
    for index, (start, end) in enumerate(pairwise(ends)):
        earlier = first.setdefault(values[start:end], index)
        if earlier != index:
            duplicates[index] = earlier
    return duplicates


def _repetitions(duplicates: Mapping[int, int], rows: Rows) -> list[Problem]:
    """Return a problem for each row that repeats an earlier one, given with the index of that one."""
    problems = [
        rows.problem(
            row, 0, "duplicates_removed", f"the same object as in line {rows.numbers[earlier]}, left out", objects=1
        )
        for row, earlier in list(duplicates.items())[:MAX_PROBLEMS]
    ]
    return [*problems, *_rest(len(duplicates), rows.file, 1)]


def _sorted_without(objects: RawObjects, duplicates: Mapping[int, int]) -> NDArray[np.int64]:
    """Return the indices of the objects that are no duplicates, sorted by class, box and keypoints."""
    kept = np.array([index for index in range(len(objects)) if index not in duplicates], np.int64)
    columns = [objects.classes[kept, None], objects.boxes[kept]]
    if objects.keypoints is not None:
        columns.append(objects.keypoints[kept].reshape(len(kept), -1))
    keys = np.concatenate(columns, axis=1)
    return kept[np.lexsort(keys.T[::-1])]


def _keypoints(objects: RawObjects, rule: LabelRule) -> Floats | None:
    """Return (N, K, 3) keypoints when the task has them, zeros for objects that state none."""
    if rule.kpt_shape is None or rule.task not in TASKS_WITH_KEYPOINTS:
        return None
    if objects.keypoints is None:
        return np.zeros((len(objects), rule.kpt_shape[0], 3), np.float32)
    keypoints = _with_visibility(objects.keypoints)
    without = [
        not part.keypoints or (rule.task == "multitask" and not rule.has_keypoints(int(label)))
        for part, label in zip(objects.parts, objects.classes, strict=True)
    ]
    keypoints[without] = 0  # of two values, 0 0 would be a visible point
    return keypoints


def _with_visibility(keypoints: Floats) -> Floats:
    """Return (N, K, 3) with visibilities 0, 1 or 2: a confidence becomes the next of them above.

    Of two values, x and y, the visibility is 1, and 0 for a point with a negative value.
    """
    points = keypoints[..., :2]
    if keypoints.shape[-1] == 2:
        visibility = (points >= 0).all(axis=-1, keepdims=True).astype(np.float32)
    else:
        visibility = np.ceil(keypoints[..., 2:].clip(0, 2))
    return np.concatenate([points, visibility], axis=-1)


def _odd_visibilities(rows: Rows, objects: RawObjects) -> list[Problem]:
    """Return the first visibility other than 0, 1 and 2, if there is one, with the number of them all."""
    if objects.keypoints is None or objects.keypoints.shape[-1] == 2:
        return []
    visibility = objects.keypoints[..., 2]
    odd = (visibility != 0) & (visibility != 1) & (visibility != 2)
    if not odd.any():
        return []
    row, point = (int(index) for index in np.argwhere(odd)[0])
    message = (
        f"visibility {visibility[row, point]:g} of keypoint {point + 1} is taken as "
        f"{np.ceil(visibility[row, point].clip(0, 2)):g}; "
        f"expected 0 (unlabelled), 1 (hidden) or 2 (visible); this file has {odd.sum()} such values"
    )
    word = (5 if objects.parts[row].box else 1) + 3 * point + 2
    return [rows.problem(row, word, "visibility", message)]
