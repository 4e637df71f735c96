"""``results.csv``: one row per epoch, written so that it is always whole."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from posekit.errors import OutputError
from posekit.files.writing import write_whole

Row = dict[str, float]


class ResultsCsv:
    """The results of a run: one row per epoch, values by column, in memory and in a file that is replaced with each.

    A file that is already there is replaced too: rows of epochs beyond the one that a run was resumed from vanish.
    """

    def __init__(self, path: str | Path, rows: Iterable[Mapping[str, float]] = ()) -> None:
        self.path = Path(path)
        self.rows: list[Row] = [_plain(row) for row in rows]

    def add(self, row: Mapping[str, float]) -> None:
        """Append the row of an epoch, and write the file; the columns of the first row come first, in their order.

        Raises:
            OutputError: the file cannot be written; the row is kept in memory.
        """
        self.rows.append(_plain(row))
        write_whole(self.path, results_text(self.rows).encode())


def results_text(rows: Iterable[Mapping[str, float]]) -> str:
    """Return rows as comma-separated text under a header, six digits per value; a missing value is empty."""
    rows = list(rows)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = [",".join(columns)]
    lines += [",".join(f"{row[column]:.6g}" if column in row else "" for column in columns) for row in rows]
    return "".join(f"{line}\n" for line in lines)


def read_results(path: str | Path) -> list[Row]:
    """Read a ``results.csv``, ours or the reference's (whose columns may be padded with blanks).

    Raises:
        OutputError: the file cannot be read, or holds something else.
    """
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            return [
                {name.strip(): float(value) for name, value in row.items() if value.strip()}
                for row in csv.DictReader(file)
            ]
    except (OSError, ValueError, AttributeError, csv.Error) as error:
        raise OutputError(f"{path}: no table of results of a training can be read from it ({error})") from error


def _plain(row: Mapping[str, float]) -> Row:
    return {column: float(value) for column, value in row.items()}
