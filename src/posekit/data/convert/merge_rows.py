"""Rows of label files, kept as text so that what is copied stays as it was."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from posekit.data.label_files.encoding import BOM
from posekit.data.label_files.fault import Fault
from posekit.data.label_files.fault_problems import located
from posekit.data.label_files.file_bytes import read_label_bytes
from posekit.data.label_files.numbers import Floats, read_numbers
from posekit.data.label_files.row_text import cut_rows
from posekit.data.problem import Problem

Kind = Literal["pose", "outline"]

_BOX_COLUMNS = 5
_FEWEST_OUTLINE_VALUES = 6


@dataclass(frozen=True, kw_only=True, eq=False)
class MergeRow:
    """One row of a pose or segment label file.

    Attributes:
        line: 1-based line number.
        label: class number.
        words: the values behind the class, as written.
        values: the same as numbers, float32.
        corners: (4,) x1, y1, x2, y2 of the box, or of the extent of the outline.
    """

    line: int
    label: int
    words: tuple[str, ...]
    values: Floats
    corners: Floats


def read_rows(path: Path, kind: Kind) -> tuple[list[MergeRow], list[Problem]]:
    """Return the usable rows of a label file, and a problem for each other one.

    Args:
        path: the file.
        kind: "pose": class, box and keypoints; "outline": class and 3 or more corners.
    """
    content = read_label_bytes(str(path))
    if not isinstance(content, bytes):
        return [], [] if content is None else [content]
    text = cut_rows(content.removeprefix(BOM))
    numbers, faults = read_numbers(text)
    rows = []
    for row, values in zip(numbers.rows, numbers.by_row(), strict=True):
        fault = _fault(row, values, kind)
        if fault is not None:
            faults.append(fault)
            continue
        words = tuple(word.decode("ascii", "replace") for word in text.words[row][1:])
        corners = _corners(values, kind)
        rows.append(
            MergeRow(line=text.numbers[row], label=int(values[0]), words=words, values=values[1:], corners=corners)
        )
    return rows, [located(fault, text, str(path), objects=1) for fault in sorted(faults)]


def _fault(row: int, values: Floats, kind: Kind) -> Fault | None:
    if values[0] < 0 or values[0] != int(values[0]):
        return Fault(row, 0, "bad_class", f"class {values[0]:g} is no whole number from 0 on; the row is left out")
    width = len(values)
    if kind == "pose" and width <= _BOX_COLUMNS:
        text = f"{width} columns: no keypoints behind class and box; the row is left out"
        return Fault(row, width - 1, "wrong_columns", text)
    if kind == "outline" and (width - 1 < _FEWEST_OUTLINE_VALUES or width % 2 == 0):
        text = f"{width} columns, expected a class and x y of 3 or more corners; the row is left out"
        return Fault(row, width - 1, "wrong_columns", text)
    return None


def _corners(values: Floats, kind: Kind) -> Floats:
    if kind == "pose":
        centre, half = values[1:3], np.abs(values[3:5]) / 2
        return np.concatenate([centre - half, centre + half])
    points = values[1:].reshape(-1, 2)
    return np.concatenate([points.min(0), points.max(0)])


def told_kpt_shape(rows: Sequence[MergeRow]) -> tuple[int, int] | None:
    """Return the (K, D) that pose rows tell by themselves; None when they do not agree, or there are none.

    D is 3 where every third value is a visibility 0, 1 or 2, else 2.
    """
    widths = {len(row.values) - 4 for row in rows}
    if len(widths) != 1:
        return None
    (width,) = widths
    keypoints = np.stack([row.values[4:] for row in rows])
    if width % 3 == 0 and np.isin(keypoints[:, 2::3], (0, 1, 2)).all():
        return width // 3, 3
    return (width // 2, 2) if width % 2 == 0 else None
