"""`Fault`: something wrong with one row, before it is known where in the file that is."""

from typing import NamedTuple


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
