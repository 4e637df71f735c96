"""Reads the labels of a DeepLabCut project."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from posekit.data.annotation import AnnotationSet
from posekit.data.coco.picture_search import PictureSearch
from posekit.data.convert.coordinate_table import Column, CoordinateTable
from posekit.data.convert.deeplabcut_csv import read_csv_table
from posekit.data.convert.deeplabcut_h5 import read_h5_table
from posekit.data.convert.named import NamedObject, NamedPicture, NamedPoint, NamedSchema
from posekit.data.convert.number_objects import number_objects
from posekit.data.picture_header import picture_size
from posekit.data.problem_list import ProblemList
from posekit.errors import DatasetError, DatasetNotFoundError, PosekitError

LABEL_FILES = "CollectedData_*"
PROJECT_FILE = "config.yaml"
ANIMAL = "animal"
# The individual that DeepLabCut gives points which belong to no animal, such as the corners of a cage.
SINGLE = "single"
_LABEL_FOLDERS = "labeled-data"


def read_deeplabcut(source: Path, *, images: Path | None = None) -> AnnotationSet:
    """Read the labels of one video or of a whole project.

    Each individual of a picture is an object of class "animal" without box; points outside animals ("single") are an
    object of that class. A picture without any label was not labelled, as DeepLabCut sees it, and is left out. Limbs
    come from ``config.yaml``.

    Args:
        source: ``CollectedData_<scorer>.csv`` or ``.h5``, its folder, ``config.yaml`` or the folder of a project. In
            folders the CSV is read where both are there.
        images: folder to look for the pictures in first; they are also looked for beside the file.

    Raises:
        DatasetNotFoundError: there is no such file, or no label file in the folder.
        DatasetError: a file is no label file, damaged, or one of several in the same folder.
        MissingExtraError: an HDF5 file, and h5py is not installed.
    """
    files = _label_files(source)
    problems = ProblemList(str(source))
    pictures = []
    columns: list[Column] = []
    for path in files:
        table = read_h5_table(path) if path.suffix.lower() == ".h5" else read_csv_table(path)
        columns += table.columns
        search = PictureSearch(path, [*([] if images is None else [images]), _project_folder(path)])
        pictures += _read_pictures(table, search, problems)
    named = NamedSchema(
        classes=[ANIMAL],
        points=list(dict.fromkeys(column.bodypart for column in columns)),
        limbs=_limbs(files[0], problems),
    )
    return number_objects(pictures, named, problems)


def _label_files(source: Path) -> list[Path]:
    """Return the label files that a path means, one per folder."""
    folder = source.parent if source.name == PROJECT_FILE else source
    if source.is_file() and folder == source:
        return [source]
    if not folder.is_dir():
        raise DatasetNotFoundError(f"{source}: there is no such file or folder")
    folders = [folder, *sorted(path for path in folder.glob(f"{_LABEL_FOLDERS}/*") if path.is_dir())]
    files = [path for place in folders if (path := _only_file(place)) is not None]
    if not files:
        raise DatasetNotFoundError(
            f"{source}: holds no {LABEL_FILES}.csv or .h5, neither itself nor {_LABEL_FOLDERS}/*"
        )
    return files


def _only_file(folder: Path) -> Path | None:
    found = sorted(path for suffix in (".csv", ".h5") for path in folder.glob(f"{LABEL_FILES}{suffix}"))
    stems = sorted({path.stem for path in found})
    if len(stems) > 1:
        raise DatasetError(f"{folder}: holds labels of several people ({', '.join(stems)}): name one of the files")
    return found[0] if found else None


@dataclass(frozen=True, kw_only=True)
class _Place:
    """The columns of x and y of one body part."""

    x: int
    y: int


def _read_pictures(table: CoordinateTable, search: PictureSearch, problems: ProblemList) -> list[NamedPicture]:
    places = _places(table)
    pictures = []
    for row, name in enumerate(table.pictures):
        place = f"{table.path.name} '{name}'"
        objects = [
            NamedObject(
                label=SINGLE if individual == SINGLE else ANIMAL, place=f"{place} {individual}".rstrip(), points=points
            )
            for individual, parts in places.items()
            if (points := _points(table, row, parts, place, problems))
        ]
        if not objects:
            problems.add(place, "nothing is labelled on it: the picture is left out", "not_labelled", picture=True)
            continue
        path = search.find(name)
        try:
            if path is None:
                raise DatasetNotFoundError("is not beside the labels; name the folder of the pictures, images=")
            size = picture_size(str(path))
        except PosekitError as error:
            text = f"the picture {error}; its size is needed, so it is left out"
            problems.add(place, text, "no_picture", objects=len(objects), picture=True)
            continue
        pictures.append(NamedPicture(file_name=name, path=path, size=size, objects=tuple(objects)))
    return pictures


def _places(table: CoordinateTable) -> Mapping[str, Mapping[str, _Place]]:
    """Return individual -> body part -> columns.

    Raises:
        DatasetError: a body part has only one coordinate.
    """
    numbers = {column: number for number, column in enumerate(table.columns)}
    found: dict[str, dict[str, _Place]] = defaultdict(dict)
    for column in table.columns:
        pair = [
            numbers.get(Column(individual=column.individual, bodypart=column.bodypart, coordinate=coordinate))
            for coordinate in ("x", "y")
        ]
        if pair[0] is None or pair[1] is None:
            raise DatasetError(f"{table.path}: the body part '{column.bodypart}' has only one of x and y")
        found[column.individual][column.bodypart] = _Place(x=pair[0], y=pair[1])
    return found


def _points(
    table: CoordinateTable, row: int, parts: Mapping[str, _Place], place: str, problems: ProblemList
) -> dict[str, NamedPoint]:
    points = {}
    for name, columns in parts.items():
        x, y = float(table.values[row, columns.x]), float(table.values[row, columns.y])
        if np.isnan(x) and np.isnan(y):
            continue
        if np.isnan(x) or np.isnan(y):
            problems.add(place, f"'{name}' has only one of x and y: taken as unlabelled", "half_point")
            continue
        points[name] = NamedPoint(x=x, y=y)
    return points


def _limbs(label_file: Path, problems: ProblemList) -> list[tuple[str, str]]:
    """Return the limbs of the project's ``config.yaml``; none without one."""
    path = _project_folder(label_file) / PROJECT_FILE
    if not path.is_file():
        return []
    try:
        content: Any = yaml.safe_load(path.read_bytes())
    except (yaml.YAMLError, OSError, ValueError, RecursionError) as error:
        problems.add(PROJECT_FILE, f"cannot be read ({' '.join(str(error).split())[:100]}): no limbs", "bad_config")
        return []
    pairs: Sequence[Any] = (content.get("skeleton") if isinstance(content, dict) else None) or ()
    usable = [pair for pair in pairs if isinstance(pair, list) and len(pair) == 2] if isinstance(pairs, list) else []
    return [(str(a), str(b)) for a, b in usable]


def _project_folder(label_file: Path) -> Path:
    """Return the folder two above that of the labels, ``labeled-data/<video>``."""
    return label_file.absolute().parent.parent.parent
