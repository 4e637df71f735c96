"""The text of a label file, cut into rows, words and numbers, and back from a word to its place in the file."""

import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate, chain, pairwise

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
