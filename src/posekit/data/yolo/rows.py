"""Rows of label files: text cut into words and numbers, which parts a row holds, told by how many values it has."""

import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate, chain, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from posekit.config.commands import TASKS, TASKS_WITH_KEYPOINTS
from posekit.errors import DatasetError
from posekit.files.problems import Problem

Floats = NDArray[np.float32]

LAYOUTS = ("box_keypoints_polygon", "keypoints_polygon")

_BOM = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_WORD = re.compile(rb"[^ \t\n\r\x0b\x0c]+")
_MAX_BYTES = 2**28
_MIN_POLYGON_VALUES = 6

# How far, as a fraction of the picture, a written box may be from the extent of its polygon.
_BOX_TOLERANCE = 0.02


@dataclass(frozen=True, kw_only=True)
class LabelRule:
    """What the rows of label files are expected to hold; the same for all files of a split.

    Attributes:
        task: "detect", "segment", "pose" or "multitask".
        nc: number of classes.
        kpt_shape: (K, D), D = 2 (x, y) or 3 (x, y, visibility); needed for pose and multitask.
        single_cls: all objects will be of one class, so that class numbers from `nc` on are accepted.
        layout: of rows with keypoints and polygon, one of `LAYOUTS`; None to decide per file.
        keypoint_classes: the classes whose rows hold keypoints in the layout "keypoints_polygon"; None for all.
    """

    task: str
    nc: int
    kpt_shape: tuple[int, int] | None = None
    single_cls: bool = False
    layout: str | None = None
    keypoint_classes: frozenset[int] | None = None

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise DatasetError(f"task={self.task}: label files are read for one of {', '.join(TASKS)}")
        if self.layout not in (None, *LAYOUTS):
            raise DatasetError(f"layout={self.layout}: rows are laid out as one of {', '.join(LAYOUTS)}")
        if self.kpt_shape is None and self.task in TASKS_WITH_KEYPOINTS:
            raise DatasetError(f"task={self.task} needs kpt_shape, such as [17, 3]")

    @property
    def keypoint_values(self) -> int:
        """How many values the keypoints of one object take; 0 without keypoints."""
        return self.kpt_shape[0] * self.kpt_shape[1] if self.kpt_shape else 0

    @property
    def pose_columns(self) -> int:
        """How many values a row of class, box and keypoints has."""
        return 5 + self.keypoint_values

    def has_keypoints(self, label: int) -> bool:
        """Tell whether objects of a class have keypoints."""
        return self.keypoint_classes is None or label in self.keypoint_classes


@dataclass(frozen=True, eq=False)
class Rows:
    """N rows of a label file, none of them blank.

    Attributes:
        file: as problems name it.
        lines: the bytes of each.
        numbers: the 1-based line number of each.
        words: the blank-separated words of each.
        flat: (sum of widths,) float32, all words as finite numbers; empty before `read_numbers`.
    """

    file: str
    lines: list[bytes]
    numbers: list[int]
    words: list[list[bytes]]
    flat: Floats = field(default_factory=lambda: np.zeros(0, np.float32))

    def __len__(self) -> int:
        return len(self.lines)

    @cached_property
    def widths(self) -> list[int]:
        """How many words each row has."""
        return [len(words) for words in self.words]

    @cached_property
    def starts(self) -> list[int]:
        """(N + 1) index in `flat` of the first number of each row, and of the end."""
        return list(accumulate(self.widths, initial=0))

    def values(self) -> list[Floats]:
        """Return the numbers of each row."""
        return [self.flat[start:end] for start, end in pairwise(self.starts)]

    def without(self, problems: Iterable[Problem]) -> "Rows":
        """Return the rows that none of the problems is about."""
        lines = {problem.line for problem in problems}
        kept = [index for index, number in enumerate(self.numbers) if number not in lines]
        values = self.values()
        return Rows(
            self.file,
            [self.lines[index] for index in kept],
            [self.numbers[index] for index in kept],
            [self.words[index] for index in kept],
            np.concatenate([np.zeros(0, np.float32), *(values[index] for index in kept)]),
        )

    def problem(self, row: int, word: int, code: str, message: str, *, objects: int = 0) -> Problem:
        """Return a problem that says at which word of which row it is."""
        start = [match.start() for match in _WORD.finditer(self.lines[row])][word]
        column = len(self.lines[row][:start].decode("utf-8", "replace")) + 1
        return Problem(
            file=self.file, message=message, code=code, line=self.numbers[row], column=column, objects=objects
        )


def cut_rows(data: bytes, file: str) -> Rows:
    """Cut the content of a label file into its rows."""
    lines = data.removeprefix(_BOM).splitlines()
    words = [line.split() for line in lines]
    if all(words):
        return Rows(file, lines, list(range(1, len(lines) + 1)), words)
    kept = [index for index, found in enumerate(words) if found]
    return Rows(file, [lines[i] for i in kept], [i + 1 for i in kept], [words[i] for i in kept])


def encoding_problems(data: bytes, rows: Rows) -> list[Problem]:
    """Return the first place where the content of a label file is not UTF-8 text, if there is one."""
    if data.isascii():
        return []
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        kind = "looks like UTF-16" if data.startswith(_UTF16_MARKS) else "is not UTF-8"
        message = (
            f"the file {kind} (byte 0x{data[error.start]:02x} at byte position {error.start}); save it as UTF-8 text"
        )
        before = (data[: error.start].removeprefix(_BOM) + b"x").splitlines()
        return [rows.problem(rows.numbers.index(len(before)), len(before[-1].split()) - 1, "not_utf8", message)]
    return []


def read_numbers(rows: Rows) -> tuple[Rows, list[Problem]]:
    """Turn words into numbers; rows with a word that is none are left out, each with a problem."""
    if not any(b"_" in line for line in rows.lines):  # float() would read 1_0 as ten
        try:
            flat = _float32(list(map(float, chain.from_iterable(rows.words))))
        except ValueError:
            pass  # some word is no number: found below
        else:
            if np.isfinite(flat).all():
                return Rows(rows.file, rows.lines, rows.numbers, rows.words, flat), []
    problems = []
    for row, words in enumerate(rows.words):
        complaints = enumerate(map(_complaint, words))
        wrong = next(((index, complaint) for index, complaint in complaints if complaint), None)
        if wrong is not None:
            problems.append(rows.problem(row, wrong[0], *wrong[1]))
    rows = rows.without(problems)
    return replace(rows, flat=_float32(list(map(float, chain.from_iterable(rows.words))))), problems


def _complaint(word: bytes) -> tuple[str, str] | tuple[()]:
    """Return code and message when a word is no usable number."""
    shown = repr(word[:24].decode("utf-8", "backslashreplace")) + "..." * (len(word) > 24)
    try:
        value = float(word.replace(b"_", b"?"))
    except ValueError:
        return "not_a_number", f"{shown} is no number; expected one such as 0.25"
    if not np.isfinite(_float32([value])).all():
        return "not_finite", f"{shown} is not finite or far too large; expected a number such as 0.25"
    return ()


def _float32(values: list[float]) -> Floats:
    with np.errstate(over="ignore"):
        return np.array(values, np.float64).astype(np.float32)


def read_label_bytes(path: str) -> bytes | Problem | None:
    """Return the content of a label file; None when there is none, a problem when it cannot be read."""
    try:
        status = os.stat(path)  # noqa: PTH116 - many files: Path is slower
        if not stat.S_ISREG(status.st_mode):  # opening a pipe waits for whoever writes into it
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or a device"
            return _unreadable(path, f"is {kind}; expected a text file")
        if status.st_size > _MAX_BYTES:
            return _unreadable(path, f"has {status.st_size:,} bytes; expected at most {_MAX_BYTES:,}")
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - as above
            return file.readall()
    except FileNotFoundError:
        return _unreadable(path, "is a link to a place that does not exist") if os.path.lexists(path) else None
    except OSError as error:
        return _unreadable(path, f"cannot be read ({error.strerror})")


def _unreadable(path: str, message: str) -> Problem:
    return Problem(file=path, message=f"{message}; the picture is left out", code="unreadable", picture=True)


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
