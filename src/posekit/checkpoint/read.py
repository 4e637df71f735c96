"""Reads a checkpoint, ours or the reference's, without running anything that is in it."""

from pathlib import Path
from typing import Any

from posekit.checkpoint.archive import Archive
from posekit.checkpoint.contents import Checkpoint
from posekit.checkpoint.foreign import foreign_checkpoint
from posekit.checkpoint.inert import Stub
from posekit.checkpoint.native import is_native, native_checkpoint
from posekit.checkpoint.plain import plain_value
from posekit.checkpoint.safetensors_file import read_safetensors
from posekit.checkpoint.tensors import TensorReader
from posekit.checkpoint.unpickler import unpickle
from posekit.errors import CheckpointError, WeightsNotFoundError

_MAX_MESSAGE = 1000


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read a weight file.

    Args:
        path: a ``.pt`` file of posekit or of the reference implementation (YOLOv8, YOLO11, YOLO26),
            or a ``.safetensors`` file of posekit.

    Returns:
        Tensors on the CPU and plain values.

    Raises:
        WeightsNotFoundError: if there is no such file.
        CheckpointError: if the file is damaged, hostile, or of another kind.
    """
    path = _existing(path)
    try:
        if path.suffix.lower() == ".safetensors":
            return read_safetensors(path)
        with Archive(path) as archive:
            return _checkpoint(str(path), unpickle(archive.pickle()), TensorReader(archive))
    except CheckpointError as error:
        raise _about(path, error) from error


def read_tensor_file(path: str | Path) -> dict[str, Any]:
    """Read the top-level dictionary of any other torch file, for networks with their own layout.

    Args:
        path: a ``.pt`` or ``.pth`` file written by `torch.save` with a dictionary of state dicts,
            options and the like.

    Returns:
        The dictionary with its tensors in their stored dtype; namespaces become dictionaries, other
        objects are left out.

    Raises:
        WeightsNotFoundError: if there is no such file.
        CheckpointError: if the file is damaged, hostile, or of another kind.
    """
    path = _existing(path)
    try:
        with Archive(path) as archive:
            top = plain_value(unpickle(archive.pickle()), TensorReader(archive).read)
    except CheckpointError as error:
        raise _about(path, error) from error
    if not isinstance(top, dict):
        raise CheckpointError(f"{path}: the file holds {type(top).__name__} instead of a dictionary")
    return top


def _existing(path: str | Path) -> Path:
    try:
        exists = Path(path).exists()
    except OSError as error:
        raise WeightsNotFoundError(f"{path} cannot be looked up ({error.strerror}): check its folder") from error
    if not exists:
        raise WeightsNotFoundError(f"{path} does not exist: check the spelling and the folder")
    return Path(path)


def _about(path: Path, error: CheckpointError) -> CheckpointError:
    """Name the file in an error; a message that quotes the file is cut, for it may be of any length."""
    return CheckpointError(f"{path}: {str(error)[:_MAX_MESSAGE]}")


def _checkpoint(path: str, top: object, reader: TensorReader) -> Checkpoint:
    if not isinstance(top, dict):
        kind = top.origin if isinstance(top, Stub) else type(top).__name__
        raise CheckpointError(f"the file holds {kind} instead of the dictionary of a checkpoint")
    if is_native(top):
        return native_checkpoint(path, top, reader)
    return foreign_checkpoint(path, top, reader)
