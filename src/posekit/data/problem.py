"""`Problem`: one thing that is wrong with a data set, said so that it can be found and mended."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that a reader stumbled over.

    Attributes:
        file: the file as the user named it.
        message: what was found and what was expected.
        code: short name of the kind, such as ``wrong_columns``, for counting and tests.
        line: 1-based line of a text file; None where lines mean nothing.
        column: 1-based character of that line; None likewise.
        place: where in a structured file, such as ``annotations[3].bbox`` or ``annotation 17``; None in text files.
        objects: how many objects are left out because of it.
        picture: whether the whole picture is left out.
    """

    file: str
    message: str
    code: str
    line: int | None = None
    column: int | None = None
    place: str | None = None
    objects: int = 0
    picture: bool = False

    def __str__(self) -> str:
        where = [self.file, *(str(part) for part in (self.line, self.column) if part is not None)]
        place = f" {self.place}:" if self.place else ""
        return f"{':'.join(where)}:{place} {self.message}"
