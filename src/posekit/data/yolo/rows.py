"""The text of a label file, cut into rows and words, and back from a word to its place in the file."""

import os
import re
import stat
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from posekit.config.commands import TASKS, TASKS_WITH_KEYPOINTS
from posekit.errors import DatasetError
from posekit.files.problems import Problem

_WORD = re.compile(rb"[^ \t\n\r\x0b\x0c]+")


@dataclass(frozen=True)
class RowText:
    """The N rows of a label file that are not blank.

    Attributes:
        lines: the bytes of each.
        numbers: the 1-based line number of each.
        words: the blank-separated words of each.
    """

    lines: list[bytes]
    numbers: list[int]
    words: list[list[bytes]]

    def __len__(self) -> int:
        return len(self.lines)

    def column(self, row: int, word: int) -> int:
        """Return the 1-based character at which a word of a row starts."""
        start = [match.start() for match in _WORD.finditer(self.lines[row])][word]
        return len(self.lines[row][:start].decode("utf-8", "replace")) + 1


def cut_rows(data: bytes) -> RowText:
    """Cut the content of a label file, less its byte order mark, into its rows."""
    lines = data.splitlines()
    words = [line.split() for line in lines]
    if all(words):
        return RowText(lines, list(range(1, len(lines) + 1)), words)
    kept = [index for index, found in enumerate(words) if found]
    return RowText([lines[i] for i in kept], [i + 1 for i in kept], [words[i] for i in kept])


def shown(word: bytes) -> str:
    """Return a word as a message may quote it: short and printable."""
    text = word[:24].decode("utf-8", "backslashreplace")
    return f"{text!r}..." if len(word) > 24 else repr(text)


class Fault(NamedTuple):
    """Something wrong with one row of a label file.

    Attributes:
        row: its index among the rows that are not blank.
        word: index of the offending word in the row.
        code: short name of the kind.
        message: what was found and what was expected.
    """

    row: int
    word: int
    code: str
    message: str


Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Numbers:
    """The numbers of N rows, one behind the other.

    Attributes:
        rows: the index of each row among those of the file that are not blank.
        widths: how many numbers each row has.
        flat: (sum of widths,) float32, all finite.
    """

    rows: list[int]
    widths: list[int]
    flat: Floats

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def starts(self) -> NDArray[np.int64]:
        """(N,) index in `flat` of the first number of each row."""
        return np.cumsum([0, *self.widths[:-1]], dtype=np.int64)

    def by_row(self) -> list[Floats]:
        """Return the numbers of each row."""
        ends = list(accumulate(self.widths))
        return [self.flat[end - width : end] for end, width in zip(ends, self.widths, strict=True)]

    def without(self, rows: set[int]) -> "Numbers":
        """Return the same less some rows, given by their index among those of the file."""
        kept = [(row, values) for row, values in zip(self.rows, self.by_row(), strict=True) if row not in rows]
        flat = np.concatenate([values for _, values in kept]) if kept else np.zeros(0, np.float32)
        return Numbers([row for row, _ in kept], [len(values) for _, values in kept], flat)


def read_numbers(text: RowText) -> tuple[Numbers, list[Fault]]:
    """Turn words into numbers; rows with a word that is none are left out, each with a fault."""
    if not any(b"_" in line for line in text.lines):  # float() would read 1_0 as ten
        try:
            flat = _float32(list(map(float, chain.from_iterable(text.words))))
        except ValueError:
            pass  # some word is no number: found below
        else:
            if np.isfinite(flat).all():
                return Numbers(list(range(len(text))), [len(words) for words in text.words], flat), []
    return _read_row_by_row(text)


def _read_row_by_row(text: RowText) -> tuple[Numbers, list[Fault]]:
    rows, values, faults = [], [], []
    for row, words in enumerate(text.words):
        complaints = [_complaint(word) for word in words]
        wrong = next((index for index, complaint in enumerate(complaints) if complaint), None)
        if wrong is None:
            rows.append(row)
            values.append([float(word) for word in words])
        else:
            faults.append(Fault(row, wrong, *complaints[wrong]))
    return Numbers(rows, [len(one) for one in values], _float32(list(chain.from_iterable(values)))), faults


def _complaint(word: bytes) -> tuple[str, str] | tuple[()]:
    """Return code and message when a word is no usable number."""
    try:
        value = float(word.replace(b"_", b"?"))
    except ValueError:
        return "not_a_number", f"{shown(word)} is no number; expected one such as 0.25"
    if not np.isfinite(_float32([value])).all():
        return "not_finite", f"{shown(word)} is not finite or far too large; expected a number such as 0.25"
    return ()


def _float32(values: list[float]) -> Floats:
    with np.errstate(over="ignore"):
        return np.array(values, np.float64).astype(np.float32)


LAYOUTS = ("box_keypoints_polygon", "keypoints_polygon")


@dataclass(frozen=True, kw_only=True)
class LabelRule:
    """What the rows of label files are expected to hold; the same for all files of a split.

    Attributes:
        task: "detect", "segment", "pose" or "multitask".
        nc: number of classes.
        kpt_shape: (K, D), D = 2 (x, y) or 3 (x, y, visibility); needed for pose and multitask.
        single_cls: all objects become class 0, so that class numbers from `nc` on are accepted.
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


BOM = b"\xef\xbb\xbf"


_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def encoding_faults(data: bytes, text: RowText) -> list[Fault]:
    """Return the first place where a label file is not UTF-8 text, if there is one.

    Args:
        data: content of the file.
        text: its rows.
    """
    if data.isascii():
        return []
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        kind = "looks like UTF-16" if data.startswith(_UTF16_MARKS) else "is not UTF-8"
        message = (
            f"the file {kind} (byte 0x{data[error.start]:02x} at byte position {error.start}); save it as UTF-8 text"
        )
        lines_before = (data[: error.start].removeprefix(BOM) + b"x").splitlines()
        return [Fault(text.numbers.index(len(lines_before)), len(lines_before[-1].split()) - 1, "not_utf8", message)]
    return []


_MAX_BYTES = 2**28


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


def count_rows(data: bytes) -> int:
    """Return how many lines of a label file are not blank."""
    return sum(bool(line.strip()) for line in data.removeprefix(BOM).splitlines())


def _unreadable(path: str, message: str) -> Problem:
    return Problem(file=path, message=f"{message}; the picture is left out", code="unreadable", picture=True)
