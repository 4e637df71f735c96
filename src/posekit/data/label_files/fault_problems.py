"""What is wrong with rows, as problems that name line and column."""

from collections.abc import Mapping, Sequence

from posekit.data.label_files.fault import Fault
from posekit.data.label_files.row_text import RowText
from posekit.data.problem import Problem

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
