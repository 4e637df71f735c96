"""`CoordinateTable`: what DeepLabCut stores, one row per picture and a column for each coordinate."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posekit.errors import DatasetError

INDIVIDUALS, BODYPARTS, COORDS = "individuals", "bodyparts", "coords"
_PREDICTED = "likelihood"


@dataclass(frozen=True, kw_only=True)
class Column:
    """What a column holds: "x" or "y" of a body part of an individual; the individual is "" with a single animal."""

    individual: str
    bodypart: str
    coordinate: str


@dataclass(frozen=True, kw_only=True, eq=False)
class CoordinateTable:
    """R rows and C columns of one file.

    Attributes:
        path: the file.
        columns: C of them.
        pictures: R picture names, "/" between folders.
        values: (R, C) float64 pixels; NaN where nothing is labelled.
    """

    path: Path
    columns: tuple[Column, ...]
    pictures: tuple[str, ...]
    values: NDArray[np.float64]


def columns_of(path: Path, levels: dict[str, list[str]]) -> tuple[Column, ...]:
    """Return the columns that the levels of a header describe.

    Args:
        path: the file, for messages.
        levels: level name ("scorer", "bodyparts", "coords", perhaps "individuals") -> its entry for each column.

    Raises:
        DatasetError: a level is missing, a column is neither x nor y, or there twice; or the file holds what a
            network found instead of labels.
    """
    missing = [name for name in (BODYPARTS, COORDS) if name not in levels]
    if missing:
        raise DatasetError(f"{path}: its header has no row {' and '.join(missing)}; is it a file of DeepLabCut?")
    if _PREDICTED in levels[COORDS]:
        raise DatasetError(
            f"{path}: holds what a network found (it has a likelihood), not labels: name the CollectedData file"
        )
    other = sorted(set(levels[COORDS]) - {"x", "y"})
    if other:
        raise DatasetError(f"{path}: its row coords holds {', '.join(other)[:100]}; only x and y can stand there")
    individuals = levels.get(INDIVIDUALS) or [""] * len(levels[COORDS])
    columns = tuple(
        Column(individual=individual, bodypart=bodypart, coordinate=coordinate)
        for individual, bodypart, coordinate in zip(individuals, levels[BODYPARTS], levels[COORDS], strict=True)
    )
    if len(set(columns)) != len(columns):
        raise DatasetError(f"{path}: names a coordinate of the same body part twice")
    return columns
