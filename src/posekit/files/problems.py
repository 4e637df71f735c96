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


@dataclass
class _Tally:
    first: str
    count: int = 0
    objects: int = 0


class ProblemList:
    """The problems of one file: single ones in the order they were found, then those that are only counted.

    Args:
        file: the file as the user named it.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self._problems: list[Problem] = []
        self._tallies: dict[tuple[str, str], _Tally] = {}

    def add(self, place: str, message: str, code: str, *, objects: int = 0, picture: bool = False) -> None:
        """Add one problem; the arguments are those of `Problem`."""
        self._problems.append(
            Problem(file=self.file, message=message, code=code, place=place, objects=objects, picture=picture)
        )

    def tally(self, place: str, text: str, code: str, *, left_out: bool) -> None:
        """Count one object that something ordinary holds for.

        All with the same `code` and `text` become one problem, which names the place of the first.
        """
        entry = self._tallies.setdefault((code, text), _Tally(place))
        entry.count += 1
        entry.objects += left_out

    def all(self) -> tuple[Problem, ...]:
        """Return what was gathered."""
        counted = (
            Problem(
                file=self.file,
                message=f"{text} ({entry.count} object{'s'[: entry.count != 1]}, the first is {entry.first})",
                code=code,
                objects=entry.objects,
            )
            for (code, text), entry in self._tallies.items()
        )
        return (*self._problems, *counted)
