"""Read the content of one label file: fast when all is well, every problem by line and column when not."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from posekit.config.commands import TASKS_WITH_KEYPOINTS, TASKS_WITH_OUTLINES
from posekit.data.find_pictures import label_file_name
from posekit.data.labels import Floats as FloatsLabels
from posekit.data.labels import PictureLabels, ScanReport
from posekit.data.yolo.layouts import Form, RawObjects, box_task_forms, multitask_forms, pose_forms, take_apart
from posekit.data.yolo.rows import (
    BOM,
    Fault,
    Floats,
    LabelRule,
    Numbers,
    RowText,
    count_rows,
    cut_rows,
    encoding_faults,
    read_label_bytes,
    read_numbers,
)
from posekit.errors import MissingExtraError, PosekitError
from posekit.files.problems import Problem
from posekit.io.decode import picture_size

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


def find_duplicates(numbers: Numbers) -> dict[int, int]:
    """Return for each row that repeats an earlier one the index of that one."""
    if len(numbers) < 2:
        return {}
    first: dict[bytes, int] = {}
    duplicates = {}
    values = (numbers.flat + 0.0).tobytes()  # + 0.0 makes -0 the same as 0
    ends = [numbers.flat.itemsize * end for end in accumulate(numbers.widths)]
    for index, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        earlier = first.setdefault(values[start:end], index)
        if earlier != index:
            duplicates[index] = earlier
    return duplicates


def sorted_without(objects: RawObjects, duplicates: dict[int, int]) -> NDArray[np.int64]:
    """Return the indices of the objects that are no duplicates, sorted by class, box and keypoints."""
    kept = np.array([index for index in range(len(objects)) if index not in duplicates], np.int64)
    columns = [objects.classes[kept, None], objects.boxes[kept]]
    if objects.keypoints is not None:
        columns.append(objects.keypoints[kept].reshape(len(kept), -1))
    keys = np.concatenate(columns, axis=1)
    return kept[np.lexsort(keys.T[::-1])]


# A file with more to complain about ends with one problem that counts the rest.
MAX_PROBLEMS = 20


def refusal(faults: Sequence[Fault], text: RowText, file: str) -> list[Problem]:
    """Return the problems of a file that is left out: the first of them counts all its objects."""
    lost = f"; the picture is left out with its {len(text)} object{'s' if len(text) > 1 else ''}"
    problems = [located(fault, text, file) for fault in faults[:MAX_PROBLEMS]]
    first = problems[0]
    problems[0] = Problem(
        file=file, line=first.line, column=first.column, code=first.code,
        message=first.message + lost, objects=len(text), picture=True,
    )  # fmt: skip
    return [*problems, *_rest(len(faults), file, 0)]


def repetitions(duplicates: Mapping[int, int], text: RowText, file: str) -> list[Problem]:
    """Return a problem for each row that repeats an earlier one.

    Args:
        duplicates: the indices of such rows, each with that of the earlier one.
        text: the rows of the file.
        file: its name.
    """
    problems = [
        located(
            Fault(row, 0, "duplicates_removed", f"the same object as in line {text.numbers[earlier]}, left out"),
            text, file, objects=1,
        )
        for row, earlier in list(duplicates.items())[:MAX_PROBLEMS]
    ]  # fmt: skip
    return [*problems, *_rest(len(duplicates), file, 1)]


def located(fault: Fault, text: RowText, file: str, objects: int = 0) -> Problem:
    """Return a fault as a problem that says where in the file it is and how many objects it costs."""
    return Problem(
        file=file, message=fault.message, code=fault.code, line=text.numbers[fault.row],
        column=text.column(fault.row, fault.word), objects=objects,
    )  # fmt: skip


def _rest(count: int, file: str, objects: int) -> list[Problem]:
    """Return the problem that stands for those above `MAX_PROBLEMS`, each of which costs so many objects."""
    more = count - MAX_PROBLEMS
    if more <= 0:
        return []
    return [
        Problem(file=file, message=f"and {more} more such problems in this file", code="more", objects=objects * more)
    ]


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelFile:
    """The N objects that one label file holds, or why there are none; coordinates are fractions of the picture.

    Attributes:
        rows: how many rows are not blank; N and the objects left out by `problems` add up to it.
        classes: (N,) int64 as written, also where a single class is asked for.
        boxes: (N, 4) float32 centre x, centre y, width, height.
        keypoints: (N, K, 3) float32 x, y, visibility; None when the task has none.
        polygons: N outlines (P, 2) float32, (0, 2) for an object without one; None when no row has one.
        problems: everything that was left out or mended.
    """

    rows: int = 0
    classes: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    boxes: Floats = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    keypoints: Floats | None = None
    polygons: tuple[Floats, ...] | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def is_corrupt(self) -> bool:
        """Whether the picture is left out because of this file."""
        return any(problem.picture for problem in self.problems)


def with_visibility(keypoints: Floats) -> Floats:
    """Give every keypoint a visibility of 0, 1 or 2.

    Args:
        keypoints: (N, K, 2) x, y, where a negative value marks an unlabelled point; or (N, K, 3) x, y, visibility.

    Returns:
        (N, K, 3) float32. Of two values the visibility is 1, 0 for unlabelled points. Visibilities other than 0, 1
        and 2, such as a confidence, become the next of them above.
    """
    points = keypoints[..., :2]
    if keypoints.shape[-1] == 2:
        visibility = (points >= 0).all(axis=-1, keepdims=True).astype(np.float32)
    else:
        visibility = np.ceil(keypoints[..., 2:].clip(0, 2))
    return np.concatenate([points, visibility], axis=-1)


def odd_visibility(objects: RawObjects) -> Fault | None:
    """Return the first visibility other than 0, 1 and 2, with the number of them all."""
    if objects.keypoints is None or objects.keypoints.shape[-1] == 2:
        return None
    visibility = objects.keypoints[..., 2]
    odd = (visibility != 0) & (visibility != 1) & (visibility != 2)
    if not odd.any():
        return None
    row, point = (int(index) for index in np.argwhere(odd)[0])
    taken = with_visibility(objects.keypoints)[row, point, 2]
    message = (
        f"visibility {visibility[row, point]:g} of keypoint {point + 1} is taken as {taken:g}; "
        f"expected 0 (unlabelled), 1 (hidden) or 2 (visible); this file has {odd.sum()} such values"
    )
    word = (5 if objects.forms[row].box else 1) + 3 * point + 2
    return Fault(row, word, "visibility", message)


def parse_labels(data: bytes, rule: LabelRule, file: str) -> LabelFile:
    """Read the content of a label file.

    Args:
        data: its bytes.
        rule: what the rows are expected to hold.
        file: its name, for messages.

    Returns:
        The objects. When anything is wrong with a row there are none, and the first problem says that the picture
        is left out. Repeated rows are removed; the others are then sorted by class, box and keypoints.
    """
    text = cut_rows(data.removeprefix(BOM))
    if not len(text):
        return LabelFile()
    faults = encoding_faults(data, text)
    if faults:
        return LabelFile(rows=len(text), problems=tuple(refusal(faults, text, file)))
    numbers, objects, faults = _read_objects(text, rule)
    if faults or objects is None:
        return LabelFile(rows=len(text), problems=tuple(refusal(sorted(faults), text, file)))
    return _accepted(numbers, objects, rule, text, file)


def _read_objects(text: RowText, rule: LabelRule) -> tuple[Numbers, RawObjects | None, list[Fault]]:
    """Return the objects of the rows that are right so far, and all faults of the others."""
    numbers, faults = read_numbers(text)
    if not len(numbers):
        return numbers, None, faults
    forms, wrong_widths = _forms(numbers, rule)
    if wrong_widths:
        bad = {fault.row for fault in wrong_widths}
        forms = [form for row, form in zip(numbers.rows, forms, strict=True) if row not in bad]
        numbers = numbers.without(bad)
        faults = [*faults, *wrong_widths]
    if not len(numbers):
        return numbers, None, faults
    objects = take_apart(numbers, forms, rule)
    return numbers, objects, [*faults, *value_faults(numbers, objects, rule)]


def _forms(numbers: Numbers, rule: LabelRule) -> tuple[list[Form], list[Fault]]:
    if rule.task == "multitask" or (rule.layout and rule.kpt_shape):
        return multitask_forms(numbers, rule)
    return pose_forms(numbers, rule) if rule.task == "pose" else box_task_forms(numbers, rule)


def _accepted(numbers: Numbers, objects: RawObjects, rule: LabelRule, text: RowText, file: str) -> LabelFile:
    duplicates = find_duplicates(numbers)
    order = sorted_without(objects, duplicates) if duplicates else np.arange(len(objects))
    keypoints = _keypoints(objects, rule)
    odd = odd_visibility(objects) if keypoints is not None else None
    polygons = None
    if objects.polygons is not None and rule.task != "pose":
        polygons = tuple(objects.polygons[index] for index in order)
    return LabelFile(
        rows=len(text),
        classes=objects.classes[order].astype(np.int64),
        boxes=objects.boxes[order],
        keypoints=None if keypoints is None else keypoints[order],
        polygons=polygons,
        problems=(*([located(odd, text, file)] if odd else []), *repetitions(duplicates, text, file)),
    )


def _keypoints(objects: RawObjects, rule: LabelRule) -> Floats | None:
    """Return (N, K, 3) keypoints when the task has them, zeros for objects that state none."""
    if rule.kpt_shape is None or rule.task not in TASKS_WITH_KEYPOINTS:
        return None
    if objects.keypoints is None:
        return np.zeros((len(objects), rule.kpt_shape[0], 3), np.float32)
    keypoints = with_visibility(objects.keypoints)
    without = [
        not form.keypoints or (rule.task == "multitask" and not rule.has_keypoints(int(label)))
        for form, label in zip(objects.forms, objects.classes, strict=True)
    ]
    keypoints[without] = 0  # of two values, 0 0 would be a visible point
    return keypoints


# Code of problems whose cause is not in the file: a package that is missing, a permission.
UNAVAILABLE = "unavailable"


@dataclass(frozen=True, kw_only=True, eq=False)
class Scan:
    """What the label files of many pictures hold.

    Attributes:
        pictures: those that can be used, in the order asked for.
        report: counts and problems.
    """

    pictures: tuple[PictureLabels, ...]
    report: ScanReport


@dataclass(frozen=True, kw_only=True, eq=False)
class _Reading:
    """One picture: its labels unless it is left out, the rows of its label file (None without one), the problems."""

    labels: PictureLabels | None
    rows: int | None
    problems: tuple[Problem, ...] = ()


def scan_label_files(pictures: Sequence[str], rule: LabelRule) -> Scan:
    """Read the headers of pictures and their label files.

    Pictures without a label file, or with one without rows, are background. A picture is left out when it, or
    anything in its label file, cannot be used.

    Args:
        pictures: names of picture files.
        rule: what the rows of label files are expected to hold.
    """
    readings = [_read(picture, rule) for picture in pictures]
    problems = tuple(problem for reading in readings for problem in reading.problems)
    kept = tuple(reading.labels for reading in readings if reading.labels is not None)
    missing = sum(reading.rows is None for reading in readings)
    report = ScanReport(
        found=len(readings) - missing,
        missing=missing,
        empty=sum(reading.rows == 0 and reading.labels is not None for reading in readings),
        corrupt=len(readings) - len(kept),
        objects=sum(len(labels) for labels in kept),
        dropped=sum(problem.objects for problem in problems),
        problems=problems,
    )
    return Scan(pictures=kept, report=report)


def _read(picture: str, rule: LabelRule) -> _Reading:
    file = label_file_name(picture)
    data = read_label_bytes(file)
    if isinstance(data, Problem):
        return _Reading(labels=None, rows=0, problems=(data,))
    try:
        size = picture_size(picture)
    except PosekitError as error:
        return _without_picture(picture, data, error)
    label_file = LabelFile() if data is None else parse_labels(data, rule, file)
    rows = None if data is None else label_file.rows
    labels = None if label_file.is_corrupt else _labels_of(picture, size, label_file, rule)
    return _Reading(labels=labels, rows=rows, problems=label_file.problems)


def _without_picture(picture: str, data: bytes | None, error: PosekitError) -> _Reading:
    rows = None if data is None else count_rows(data)
    message = str(error).removeprefix(f"{picture}: ")
    lost = f" with its {rows} object{'s' if rows != 1 else ''}" if rows else ""
    elsewhere = isinstance(error, MissingExtraError) or (os.path.lexists(picture) and not os.access(picture, os.R_OK))
    problem = Problem(
        file=picture, message=f"{message}; the picture is left out{lost}",
        code=UNAVAILABLE if elsewhere else "picture", objects=rows or 0, picture=True,
    )  # fmt: skip
    return _Reading(labels=None, rows=rows, problems=(problem,))


def _labels_of(picture: str, size: tuple[int, int], label_file: LabelFile, rule: LabelRule) -> PictureLabels:
    keypoints, polygons = label_file.keypoints, label_file.polygons
    if keypoints is None and rule.kpt_shape and rule.task in TASKS_WITH_KEYPOINTS:
        keypoints = np.zeros((0, rule.kpt_shape[0], 3), np.float32)
    if polygons is None and rule.task in TASKS_WITH_OUTLINES:
        polygons = tuple(_no_polygon() for _ in label_file.classes)
    return PictureLabels(
        path=picture,
        size=size,
        classes=np.zeros_like(label_file.classes) if rule.single_cls else label_file.classes,
        boxes=label_file.boxes,
        keypoints=keypoints,
        polygons=polygons,
    )


def _no_polygon() -> FloatsLabels:
    return np.zeros((0, 2), np.float32)
