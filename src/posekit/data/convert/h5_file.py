"""Opens HDF5 files, and tells what goes wrong with them in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posekit.errors import DatasetError, DatasetNotFoundError, MissingExtraError, PosekitError

if TYPE_CHECKING:
    import h5py

# Of a set that says it is larger, reading would fill the memory: HDF5 stores nothing for values never written.
_MOST_BYTES = 2**31


@contextmanager
def open_h5(path: Path) -> Iterator["h5py.File"]:
    """Open an HDF5 file for reading; whatever HDF5 says while it is read becomes a `DatasetError`.

    Raises:
        MissingExtraError: h5py is not installed.
        DatasetNotFoundError: there is no such file.
        DatasetError: it is no HDF5 file, damaged, or lacks a part that is asked for.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError("HDF5 files of DeepLabCut and SLEAP", "h5", "h5py") from error
    if not path.is_file():
        raise DatasetNotFoundError(f"{path}: there is no such file")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except PosekitError:
        raise
    except (OSError, RuntimeError) as error:
        raise DatasetError(f"{path}: is no HDF5 file, or a damaged one ({_one_line(error)})") from error
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, OverflowError, MemoryError) as error:
        raise DatasetError(f"{path}: does not hold what it should ({_one_line(error)})") from error


def read_array(group: "h5py.Group", name: str) -> Any:
    """Return a set of an open file as an array.

    Raises:
        KeyError: there is none of that name.
        ValueError: it is a group, or says that it holds more than 2 GiB.
    """
    import h5py

    stored = group[name]
    if not isinstance(stored, h5py.Dataset):
        raise ValueError(f"{name} is a group")
    if stored.nbytes > _MOST_BYTES:
        raise ValueError(f"{name} says that it holds {stored.nbytes:,} bytes")
    return stored[()]


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
