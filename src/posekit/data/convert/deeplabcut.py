"""Reads the labels of a DeepLabCut project."""

import csv
import io
import math
import pickle
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from posekit.data.annotation import AnnotationSet, PictureAnnotation
from posekit.data.convert.objects import NamedObject, NamedPicture, NamedPoint, NamedSchema, number_objects
from posekit.data.convert.sleap import open_h5, plain_text, read_array
from posekit.data.find_pictures import PictureSearch
from posekit.errors import DatasetError, DatasetNotFoundError, PosekitError
from posekit.files.problems import ProblemList
from posekit.files.reading import read_text, read_yaml
from posekit.files.values import LARGEST
from posekit.io.decode import picture_size
from posekit.log import one_line

if TYPE_CHECKING:
    import h5py


SCORER, INDIVIDUALS, BODYPARTS, COORDS = "scorer", "individuals", "bodyparts", "coords"
_LEVELS = (SCORER, INDIVIDUALS, BODYPARTS, COORDS)
_PREDICTED = "likelihood"

# pandas writes its two kinds of tables, "fixed" and "table", quite differently.
_FIXED, _TABLE = "frame", "frame_table"

LEVELS_OF_TABLE = {3: (SCORER, BODYPARTS, COORDS), 4: _LEVELS}
Labels = list[tuple[str, ...]]
LABEL_FILES = "CollectedData_*"
PROJECT_FILE = "config.yaml"
LABEL_FOLDERS = "labeled-data"
ANIMAL = "animal"
SINGLE = "single"  # the individual of points that belong to no animal, such as the corners of a cage


class Column(NamedTuple):
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


class _PlainUnpickler(pickle.Unpickler):
    """Takes plain data from a pickle; anything that would be looked up and called is refused."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        """Refuse."""
        raise ValueError(f"it would run {module_name}.{global_name} when read as pandas does")


def read_deeplabcut(source: Path, *, images: Path | None = None) -> AnnotationSet:
    """Read the labels of one video or of a whole project.

    Each individual of a picture is an object of class "animal" without box; points outside animals ("single") are an
    object of that class. A picture without any label was not labelled, as DeepLabCut sees it, and is left out. Limbs
    come from ``config.yaml``.

    `source` is ``CollectedData_<scorer>.csv`` or ``.h5``, its folder, ``config.yaml`` or the folder of a project. In
    folders the CSV is read where both are there.

    Raises:
        MissingExtraError: an HDF5 file, and h5py is not installed.
    """
    files = _label_files(source)
    problems = ProblemList(str(source))
    pictures: list[NamedPicture] = []
    columns: list[Column] = []
    for path in files:
        table = _read_h5_table(path) if path.suffix.lower() == ".h5" else _read_csv_table(path)
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
    folders = [folder, *sorted(path for path in folder.glob(f"{LABEL_FOLDERS}/*") if path.is_dir())]
    files = [path for place in folders if (path := _only_file(place)) is not None]
    if not files:
        raise DatasetNotFoundError(f"{source}: holds no {LABEL_FILES}.csv or .h5, neither itself nor {LABEL_FOLDERS}/*")
    return files


def _only_file(folder: Path) -> Path | None:
    found = sorted(path for suffix in (".csv", ".h5") for path in folder.glob(f"{LABEL_FILES}{suffix}"))
    stems = sorted({path.stem for path in found})
    if len(stems) > 1:
        raise DatasetError(f"{folder}: holds labels of several people ({', '.join(stems)}): name one of the files")
    return found[0] if found else None


def _read_pictures(table: CoordinateTable, search: PictureSearch, problems: ProblemList) -> list[NamedPicture]:
    places = _places(table)
    pictures: list[NamedPicture] = []
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
        pictures.append((PictureAnnotation(file_name=name, path=path, size=size), objects))
    return pictures


def _places(table: CoordinateTable) -> Mapping[str, Mapping[str, tuple[int, int]]]:
    """Return individual -> body part -> the columns of its x and y."""
    numbers = {column: number for number, column in enumerate(table.columns)}
    found: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    for individual, bodypart, _ in table.columns:
        x, y = (numbers.get(Column(individual, bodypart, coordinate)) for coordinate in ("x", "y"))
        if x is None or y is None:
            raise DatasetError(f"{table.path}: the body part '{bodypart}' has only one of x and y")
        found[individual][bodypart] = x, y
    return found


def _points(
    table: CoordinateTable, row: int, parts: Mapping[str, tuple[int, int]], place: str, problems: ProblemList
) -> dict[str, NamedPoint]:
    points = {}
    for name, columns in parts.items():
        x, y = table.values[row, list(columns)].tolist()
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
        content = read_yaml(path, DatasetError, name=PROJECT_FILE)
    except DatasetError as error:
        problems.add(PROJECT_FILE, f"cannot be read ({one_line(error, 100)}): no limbs", "bad_config")
        return []
    pairs: Sequence[Any] = (content.get("skeleton") if isinstance(content, dict) else None) or ()
    usable = [pair for pair in pairs if isinstance(pair, list) and len(pair) == 2] if isinstance(pairs, list) else []
    return [(str(a), str(b)) for a, b in usable]


def _project_folder(label_file: Path) -> Path:
    """Return the folder two above that of the labels, ``labeled-data/<video>``."""
    return label_file.absolute().parent.parent.parent


def _columns_of(path: Path, levels: dict[str, list[str]]) -> tuple[Column, ...]:
    """Return the columns that a header describes, by level ("bodyparts", "coords", perhaps "individuals")."""
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
    columns = tuple(map(Column, individuals, levels[BODYPARTS], levels[COORDS]))
    if len(set(columns)) != len(columns):
        raise DatasetError(f"{path}: names a coordinate of the same body part twice")
    return columns


def _read_csv_table(path: Path) -> CoordinateTable:
    """Read a label file of a single animal (three header rows) or of several (four).

    The name of a picture stands in one column, or in three: "labeled-data", folder, file.
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
    columns = _columns_of(path, levels)
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


def _read_h5_table(path: Path) -> CoordinateTable:
    """Read a label file of one or of several animals."""
    with open_h5(path) as file:
        group, kind = _find_table(file, path)
        rows, labels, values = _read_fixed(group) if kind == _FIXED else _read_table(group)
    names = LEVELS_OF_TABLE.get(len(labels[0]) if labels else 0)
    if names is None or values.shape != (len(rows), len(labels)):
        raise DatasetError(f"{path}: is a table, but not one of DeepLabCut (scorer, bodyparts, coords)")
    if (np.abs(values) > LARGEST).any():  # false for NaN, which marks what is not labelled
        raise DatasetError(f"{path}: holds coordinates that are infinite or larger than any picture")
    levels = {name: [label[i] for label in labels] for i, name in enumerate(names)}
    return CoordinateTable(
        path=path,
        columns=_columns_of(path, levels),
        pictures=tuple("/".join(row).replace("\\", "/") for row in rows),
        values=values,
    )


def _find_table(file: "h5py.File", path: Path) -> tuple["h5py.Group", str]:
    """Return the only table of the file and its kind."""
    import h5py

    found = {name: plain_text(group.attrs.get("pandas_type", b"")) for name, group in file.items()}
    tables = [name for name, kind in found.items() if kind in (_FIXED, _TABLE) and isinstance(file[name], h5py.Group)]
    if len(tables) != 1:
        raise DatasetError(f"{path}: holds {len(tables)} pandas tables; a label file of DeepLabCut holds one")
    return file[tables[0]], found[tables[0]]


def _read_fixed(group: "h5py.Group") -> tuple[Labels, Labels, NDArray[np.float64]]:
    """Return row labels, column labels and values; columns may lie in several blocks."""
    rows = _read_axis(group, "axis1")
    labels: Labels = []
    blocks = []
    for number in range(int(group.attrs["nblocks"])):
        labels += _read_axis(group, f"block{number}_items")
        blocks.append(np.asarray(read_array(group, f"block{number}_values"), np.float64))
    return rows, labels, np.concatenate(blocks, 1)


def _read_axis(group: "h5py.Group", name: str) -> Labels:
    """Return the labels of an axis: tuples of texts, of one text where it has a single level."""
    if plain_text(group.attrs.get(f"{name}_variety", b"")) != "multi":
        return [(plain_text(label),) for label in read_array(group, name)]
    levels = []
    for number in range(int(group.attrs[f"{name}_nlevels"])):
        texts = [plain_text(text) for text in read_array(group, f"{name}_level{number}")]
        levels.append(
            [texts[code] if code >= 0 else "" for code in read_array(group, f"{name}_label{number}").tolist()]
        )
    return list(zip(*levels, strict=True))


def _read_table(group: "h5py.Group") -> tuple[Labels, Labels, NDArray[np.float64]]:
    stored = group["table"]
    block = "values_block_0"
    if set(stored.dtype.names or ()) != {"index", block}:
        raise ValueError(f"its table has the columns {stored.dtype.names}")
    labels = _plain(stored.attrs[f"{block}_kind"])
    if not isinstance(labels, list) or not all(isinstance(label, tuple) for label in labels):
        raise ValueError("its columns have no levels")
    rows = read_array(group, "table")
    return (
        [(plain_text(name),) for name in rows["index"]],
        [tuple(str(level) for level in label) for label in labels],
        np.asarray(rows[block], np.float64).reshape(len(rows), -1),
    )


def _plain(data: Any) -> Any:
    """Return the plain data that a pickled attribute holds."""
    try:
        return _PlainUnpickler(io.BytesIO(bytes(data)), encoding="utf-8").load()
    except (pickle.UnpicklingError, EOFError) as error:
        raise ValueError(f"a header of its table cannot be read ({error})") from error
