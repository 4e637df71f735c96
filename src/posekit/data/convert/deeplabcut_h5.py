"""Reads ``CollectedData_<scorer>.h5`` of DeepLabCut: a pandas table within HDF5.

pandas itself is not used. To read such files it runs whatever Python objects are pickled into them; here nothing
but texts, numbers, lists and tuples is taken from a pickle.
"""

import io
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posekit.data.coco.values import LARGEST
from posekit.data.convert.coordinate_table import BODYPARTS, COORDS, INDIVIDUALS, CoordinateTable, columns_of
from posekit.data.convert.h5_file import open_h5, read_array
from posekit.errors import DatasetError

if TYPE_CHECKING:
    import h5py

# pandas writes its two kinds of tables, "fixed" and "table", quite differently.
_FIXED, _TABLE = "frame", "frame_table"
_LEVELS = {3: ("scorer", BODYPARTS, COORDS), 4: ("scorer", INDIVIDUALS, BODYPARTS, COORDS)}

Labels = list[tuple[str, ...]]


def read_h5_table(path: Path) -> CoordinateTable:
    """Read a label file of one or of several animals.

    Raises:
        MissingExtraError: h5py is not installed.
        DatasetNotFoundError: there is no such file.
        DatasetError: it is no such table, or damaged.
    """
    with open_h5(path) as file:
        group, kind = _find_table(file, path)
        rows, labels, values = _read_fixed(group) if kind == _FIXED else _read_table(group)
    names = _LEVELS.get(len(labels[0]) if labels else 0)
    if names is None or values.shape != (len(rows), len(labels)):
        raise DatasetError(f"{path}: is a table, but not one of DeepLabCut (scorer, bodyparts, coords)")
    if (np.abs(values) > LARGEST).any():  # false for NaN, which marks what is not labelled
        raise DatasetError(f"{path}: holds coordinates that are infinite or larger than any picture")
    levels = {name: [label[i] for label in labels] for i, name in enumerate(names)}
    return CoordinateTable(
        path=path,
        columns=columns_of(path, levels),
        pictures=tuple("/".join(row).replace("\\", "/") for row in rows),
        values=values,
    )


def _find_table(file: "h5py.File", path: Path) -> tuple["h5py.Group", str]:
    """Return the only table of the file and its kind."""
    import h5py

    found = {name: _text(group.attrs.get("pandas_type", b"")) for name, group in file.items()}
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
    if _text(group.attrs.get(f"{name}_variety", b"")) != "multi":
        return [(_text(label),) for label in read_array(group, name)]
    levels = []
    for number in range(int(group.attrs[f"{name}_nlevels"])):
        texts = [_text(text) for text in read_array(group, f"{name}_level{number}")]
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
        [(_text(name),) for name in rows["index"]],
        [tuple(str(level) for level in label) for label in labels],
        np.asarray(rows[block], np.float64).reshape(len(rows), -1),
    )


class _PlainUnpickler(pickle.Unpickler):
    """Takes plain data from a pickle; anything that would be looked up and called is refused."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        """Refuse."""
        raise ValueError(f"it would run {module_name}.{global_name} when read as pandas does")


def _plain(data: Any) -> Any:
    """Return the plain data that a pickled attribute holds."""
    try:
        return _PlainUnpickler(io.BytesIO(bytes(data)), encoding="utf-8").load()
    except (pickle.UnpicklingError, EOFError) as error:
        raise ValueError(f"a header of its table cannot be read ({error})") from error


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
