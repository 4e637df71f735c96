"""Checkpoints read, ours or the reference's, without running anything that is in them; and saved as plain data."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posekit.checkpoint.archive import Archive, TensorReader
from posekit.checkpoint.foreign import foreign_checkpoint
from posekit.checkpoint.record import (
    FORMAT_KEY,
    Checkpoint,
    from_record,
    plain_copy,
    plain_value,
    read_safetensors,
    to_record,
    write_safetensors,
)
from posekit.checkpoint.unpickle import Stub, unpickle
from posekit.errors import CheckpointError, OutputError, WeightsNotFoundError
from posekit.files.writing import replacing_durably

if TYPE_CHECKING:
    from torch import Tensor

_MAX_MESSAGE = 1000


def save_checkpoint(path: str | Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; the file appears complete or not at all.

    Args:
        path: ends in ``.pt`` or ``.safetensors``, which chooses the container. Missing folders are
            made, an existing file is replaced.
        checkpoint: what to write; its own `path` and `kind` are not stored.

    Raises:
        CheckpointError: for another suffix, for values that are not plain, and for training state
            in a ``.safetensors`` file.
        OutputError: if the file cannot be written, such as on a full disk.
        MissingExtraError: if ``.safetensors`` is asked for and the package is missing.
    """
    path = Path(path)
    writer = _WRITERS.get(path.suffix.lower())
    if writer is None:
        raise CheckpointError(
            f"{path}: checkpoints are written as .pt or .safetensors, not {path.suffix or 'without suffix'}"
        )
    state = {name: _owned(tensor) for name, tensor in checkpoint.state.items()}
    try:
        with replacing_durably(path) as temporary:
            writer(temporary, checkpoint, state)
    except CheckpointError as error:
        raise CheckpointError(f"{path} was not written: {error}") from error
    except (OSError, RuntimeError) as error:  # a RuntimeError is how torch reports a full disk
        raise OutputError(
            f"{path} was not written: is the disk full, or the folder closed to you? ({error})"
        ) from error


def _native(path: str, top: Mapping[Any, Any], reader: TensorReader) -> Checkpoint:
    """Return what the top-level dictionary of one of our own ``.pt`` files holds."""
    record = plain_value({key: value for key, value in top.items() if key not in ("state", "training")})
    state = plain_value(top.get("state"), reader.read)
    training = plain_value(top.get("training", {}), reader.read)
    if not isinstance(state, dict) or not all(_is_named_tensor(name, tensor) for name, tensor in state.items()):
        raise CheckpointError("entry 'state' is not a dictionary of tensors: the file is damaged")
    if not isinstance(training, dict):
        raise CheckpointError("entry 'training' is not a dictionary: the file is damaged")
    return from_record(path, record, state, training)


def _write_torch(path: Path, checkpoint: Checkpoint, state: "dict[str, Tensor]") -> None:
    import torch

    training = plain_copy(checkpoint.training, "training", _owned)
    torch.save({**to_record(checkpoint), "state": state, "training": training}, path)


def _write_safetensors(path: Path, checkpoint: Checkpoint, state: "dict[str, Tensor]") -> None:
    if checkpoint.training:
        raise CheckpointError("safetensors files hold no training state: save as .pt to resume from it")
    write_safetensors(path, to_record(checkpoint), state)


_WRITERS: dict[str, Callable[[Path, Checkpoint, "dict[str, Tensor]"], None]] = {
    ".pt": _write_torch,
    ".safetensors": _write_safetensors,
}


def _is_named_tensor(name: object, tensor: object) -> bool:
    import torch

    return isinstance(name, str) and isinstance(tensor, torch.Tensor)


def _owned(tensor: "Tensor") -> "Tensor":
    """Copy to the CPU into memory of its own: a view would drag its whole storage into the file."""
    import torch

    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)


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

    Tensors keep their stored dtype; namespaces become dictionaries, other objects are left out.

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
    if FORMAT_KEY in top:
        return _native(path, top, reader)
    return foreign_checkpoint(path, top, reader)
