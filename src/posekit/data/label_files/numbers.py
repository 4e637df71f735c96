"""Words to numbers: fast when all is well, word by word when something is not."""

from dataclasses import dataclass
from itertools import accumulate, chain

import numpy as np
from numpy.typing import NDArray

from posekit.data.label_files.fault import Fault
from posekit.data.label_files.row_text import RowText, shown

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
