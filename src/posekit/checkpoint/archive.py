"""Opens the ZIP container of a `.pt` file without trusting anything that it says about itself."""

import io
import math
import os
import re
import stat
import struct
import sys
import zipfile
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from posekit.checkpoint.unpickle import StorageRef, TensorRef
from posekit.errors import CheckpointError
from posekit.files.magic import HEAD_BYTES, identify

if TYPE_CHECKING:
    import torch


# Largest object graph that is read; nano networks need 0.1 to 0.4 MB.
MAX_PICKLE_BYTES = 64 * 2**20

# Largest table of contents of the archive, enough for about 100 000 members.
MAX_DIRECTORY_BYTES = 8 * 2**20
_STORAGE_KEY = re.compile(r"[0-9]{1,18}")
_ENCRYPTED = 0x1

# What zipfile raises on damaged or crafted archives, besides BadZipFile.
_ZIP_PROBLEMS = (
    zipfile.BadZipFile, EOFError, OSError, ValueError, OverflowError, NotImplementedError, RuntimeError, struct.error
)  # fmt: skip

_MAX_AXES = 16
_MAX_LENGTH = 2**40


class Archive:
    """An open checkpoint file: one pickle and the raw bytes of numbered tensor storages.

    Every member is stored uncompressed and all of them together fit into the file, so no call can
    allocate more than the size of the file on disk.

    Raises:
        CheckpointError: for anything but a torch archive of the eager format.
    """

    def __init__(self, path: Path) -> None:
        self._file = _open_regular(path)
        try:
            self.file_size = os.fstat(self._file.fileno()).st_size
            self._zip = _open_zip(self._file)
            _refuse_torchscript(self._zip.namelist())
            members = _checked_members(self._zip.infolist(), self.file_size)
            self._top = _top_folder(members)
            self._members = {name.removeprefix(f"{self._top}/"): info for name, info in members.items()}
            self.byteorder = self._read_byteorder()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "Archive":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()
        self._file.close()

    def pickle(self) -> bytes:
        """Return the bytes of the object graph, at most `MAX_PICKLE_BYTES`."""
        return self._read("data.pkl", MAX_PICKLE_BYTES)

    def storage(self, key: str, byte_count: int) -> bytes:
        """Return the bytes of the tensor storage `key`, which must be as many as the object graph states."""
        info = self._members.get(f"data/{key}") if _STORAGE_KEY.fullmatch(key) else None
        if info is None:
            raise CheckpointError(f"the tensor storage {key[:40]!r} is missing from the file")
        if info.file_size != byte_count:
            raise CheckpointError(
                f"tensor storage {key} has {info.file_size} bytes, but {byte_count} are declared for it"
            )
        return self._read(f"data/{key}", byte_count)

    def _read(self, name: str, limit: int) -> bytes:
        info = self._members[name]
        if info.file_size > limit:
            raise CheckpointError(f"member {name} has {info.file_size} bytes, more than the {limit} that are read")
        try:
            return self._zip.read(info)
        except _ZIP_PROBLEMS as error:
            raise CheckpointError(f"member {name} is damaged ({error}): fetch the file again") from error

    def _read_byteorder(self) -> Literal["little", "big"]:
        if "byteorder" not in self._members:  # torch before 2.1, little-endian machines
            return "little"
        match self._read("byteorder", 16):
            case b"little":
                return "little"
            case b"big":
                return "big"
            case other:
                raise CheckpointError(f"byte order {other!r} is neither 'little' nor 'big'")


class _DirectoryReader(io.BufferedReader):
    """A file that refuses one large read: `zipfile` reads the whole table of contents at once."""

    limit: int | None = MAX_DIRECTORY_BYTES

    def read(self, size: int | None = -1, /) -> bytes:
        if self.limit is not None and size is not None and size > self.limit:
            raise CheckpointError(f"the table of contents of the archive has {size} bytes, more than {self.limit}")
        return super().read(size)


def _open_regular(path: Path) -> _DirectoryReader:
    """Open `path` if it is a regular file; a pipe or a device could block or never end."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            kind = "a folder" if path.is_dir() else "not a regular file"
            raise CheckpointError(f"this is {kind}; a checkpoint is one file that ends in .pt")
        return _DirectoryReader(io.FileIO(path))
    except OSError as error:
        raise CheckpointError(f"cannot be opened ({error.strerror}): check the path and its permissions") from error


def _open_zip(file: _DirectoryReader) -> zipfile.ZipFile:
    head = file.read(HEAD_BYTES)
    if not head.startswith(b"PK\x03\x04"):
        content = identify(head)
        kind = f"{content.name}{content.instead}" if content else "of an unknown kind" if head else "an empty file"
        raise CheckpointError(f"this is {kind}; expected was a .pt file written by torch.save")
    try:
        archive = zipfile.ZipFile(file)
    except CheckpointError:  # from the table of contents
        raise
    except _ZIP_PROBLEMS as error:
        raise CheckpointError(f"the archive is cut off or damaged ({error}): fetch the file again") from error
    file.limit = None  # from here on the sizes are checked against the file
    return archive


def _checked_members(infos: list[zipfile.ZipInfo], file_size: int) -> dict[str, zipfile.ZipInfo]:
    """Return the members by name after checking that each is stored, unique, plainly named and really there."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        name = info.orig_filename
        if name in members:
            raise CheckpointError(f"the archive has two members called {name!r}")
        if "\\" in name or "\0" in name or any(part in ("", ".", "..") for part in name.split("/")):
            raise CheckpointError(f"the archive has a member with the path {name[:80]!r}; plain names were expected")
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & _ENCRYPTED:
            raise CheckpointError(
                f"member {name} is compressed or encrypted; torch stores members as they are: fetch the original file"
            )
        if info.compress_size != info.file_size:
            raise CheckpointError(f"member {name} declares {info.file_size} bytes, but stores {info.compress_size}")
        members[name] = info
    total = sum(info.file_size for info in members.values())
    if total > file_size:
        raise CheckpointError(f"the members declare {total} bytes together, but the file has {file_size}")
    return members


def _top_folder(members: dict[str, zipfile.ZipInfo]) -> str:
    """Return the folder that holds `data.pkl`, and with it every other member."""
    tops = {name.partition("/")[0] for name in members}
    top = next((top for top in tops if f"{top}/data.pkl" in members), None)
    if top is None:
        nested = [name for name in members if name.endswith((".pt", ".pth", ".zip", ".safetensors"))]
        advice = f"unpack it and load {nested[0]}" if nested else "expected was a .pt file written by torch.save"
        raise CheckpointError(f"this is a ZIP archive without data.pkl, not a checkpoint; {advice}")
    if len(tops) > 1:
        raise CheckpointError(f"the archive has {len(tops)} top folders; a checkpoint has one")
    return top


def _refuse_torchscript(names: list[str]) -> None:
    inner = [name.partition("/")[2] for name in names]
    if "constants.pkl" in inner or any(name.startswith("code/") for name in inner):
        raise CheckpointError("this is a TorchScript program, not weights: load the .pt file that it was exported from")


class TensorReader:
    """Turns references into tensors that own their memory.

    A `CheckpointError` refuses views that leave their storage, storages that are missing or of another size than
    declared, and tensors that together are larger than the file.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._storages: dict[StorageRef, torch.Tensor] = {}
        # A file may name one storage many times; honest networks hold each number about once.
        self._elements_left = archive.file_size

    def read(self, ref: TensorRef) -> "torch.Tensor":
        """Return the tensor of `ref` in its stored dtype, contiguous, on the CPU."""
        import torch

        count = _checked_count(ref)
        self._elements_left -= count
        if self._elements_left < 0:
            raise CheckpointError("the tensors together hold more numbers than the file has bytes")
        if count == 0:
            return torch.empty(ref.size, dtype=getattr(torch, ref.storage.dtype))
        view = self._storage(ref.storage).as_strided(ref.size, ref.stride, ref.offset)
        return view.clone(memory_format=torch.contiguous_format)

    def _storage(self, ref: StorageRef) -> "torch.Tensor":
        import torch

        if ref not in self._storages:
            dtype: torch.dtype = getattr(torch, ref.dtype)
            raw = bytearray(self._archive.storage(ref.key, ref.count * dtype.itemsize))
            if self._archive.byteorder != sys.byteorder:
                _swap_bytes(raw, dtype.itemsize)
            self._storages[ref] = torch.frombuffer(raw, dtype=dtype)
        return self._storages[ref]


def _checked_count(ref: TensorRef) -> int:
    """Return the number of elements of a view that stays inside its storage."""
    sound = (
        len(ref.size) == len(ref.stride) <= _MAX_AXES
        and all(0 <= value < _MAX_LENGTH for value in (ref.offset, *ref.size, *ref.stride))
        # torch multiplies the other sides of an empty tensor too
        and math.prod(max(length, 1) for length in ref.size) < _MAX_LENGTH
    )
    if not sound:
        raise CheckpointError(f"a tensor on storage {ref.storage.key} has an impossible shape or stride")
    count = math.prod(ref.size)
    last = ref.offset + sum((length - 1) * step for length, step in zip(ref.size, ref.stride, strict=True))
    # A stride of 0 stays inside any storage: the count bounds what such a view can grow to.
    if count and (last >= ref.storage.count or count > ref.storage.count):
        raise CheckpointError(
            f"a tensor of shape {ref.size} reaches beyond its storage {ref.storage.key} of {ref.storage.count} elements"
        )
    return count


def _swap_bytes(raw: bytearray, item_size: int) -> None:
    """Reverse the bytes of each item in place."""
    import numpy as np

    if item_size > 1:
        np.frombuffer(raw, dtype=f"u{item_size}").byteswap(inplace=True)
