"""Reads ``CollectedData_<scorer>.csv`` of DeepLabCut."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from posekit.data.coco.values import LARGEST
from posekit.data.convert.coordinate_table import BODYPARTS, COORDS, INDIVIDUALS, Column, CoordinateTable, columns_of
from posekit.errors import DatasetError, DatasetNotFoundError, PosekitError
from posekit.io.binary import read_text

SCORER = "scorer"
_LEVELS = (SCORER, INDIVIDUALS, BODYPARTS, COORDS)


def read_csv_table(path: Path) -> CoordinateTable:
    """Read a label file of a single animal (three header rows) or of several (four).

    The name of a picture stands in one column, or in three: "labeled-data", folder, file.

    Raises:
        DatasetNotFoundError: there is no such file.
        DatasetError: it is no such table, or a cell is no number; the message gives line and column.
    """
    rows = _rows(path)
    header = {row[0]: row for row in rows[: len(_LEVELS)] if row and row[0] in _LEVELS}
    if SCORER not in header or COORDS not in header:
        raise DatasetError(f"{path}: does not begin with the rows scorer, bodyparts, coords of a DeepLabCut file")
    first = next((i for i, cell in enumerate(header[COORDS]) if i and cell), len(header[COORDS]))
    levels = {name: row[first:] for name, row in header.items()}
    short = next((name for name, row in levels.items() if len(row) != len(levels[COORDS])), None)
    if short is not None:
        raise DatasetError(f"{path}: its header rows {short} and coords have different numbers of columns")
    columns = columns_of(path, levels)
    body = [(line, row) for line, row in enumerate(rows[len(header) :], start=len(header) + 1) if row and row[0]]
    values = [_numbers(path, line, row[first:], columns) for line, row in body]
    return CoordinateTable(
        path=path,
        columns=columns,
        pictures=tuple("/".join(part.replace("\\", "/") for part in row[:first]) for _, row in body),
        values=np.array(values, np.float64).reshape(len(body), len(columns)),
    )


def _rows(path: Path) -> list[list[str]]:
    if not path.is_file():
        raise DatasetNotFoundError(f"{path}: there is no such file")
    try:
        return [[cell.strip() for cell in row] for row in csv.reader(read_text(path).splitlines())]
    except PosekitError as error:
        raise DatasetError(str(error)) from error
    except csv.Error as error:
        raise DatasetError(f"{path}: is no CSV ({error})") from error


def _numbers(path: Path, line: int, cells: Sequence[str], columns: Sequence[Column]) -> list[float]:
    if len(cells) != len(columns):
        raise DatasetError(f"{path}:{line}: has {len(cells)} coordinates, the header {len(columns)}")
    return [_number(path, line, cell, column) for cell, column in zip(cells, columns, strict=True)]


def _number(path: Path, line: int, cell: str, column: Column) -> float:
    try:
        number = float(cell) if cell else math.nan
    except ValueError:
        number = math.inf
    if abs(number) > LARGEST:  # false for NaN, which marks what is not labelled
        raise DatasetError(f"{path}:{line}: {column.coordinate} of '{column.bodypart}' is '{cell[:40]}', not a number")
    return number
