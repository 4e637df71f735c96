"""Writes our own checkpoints, and reads the `.pt` form of them.

A `.pt` file is a dictionary of tensors and plain values that also `torch.load(weights_only=True)`
reads; a `.safetensors` file holds the weights and the plain values, for those who avoid pickles.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posekit.checkpoint.contents import Checkpoint
from posekit.checkpoint.plain import plain_value
from posekit.checkpoint.record import FORMAT_KEY, from_record, plain_copy, to_record
from posekit.checkpoint.safetensors_file import write_safetensors
from posekit.checkpoint.tensors import TensorReader
from posekit.errors import CheckpointError, OutputError
from posekit.files.atomic import replacing_durably

if TYPE_CHECKING:
    from torch import Tensor


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


def is_native(top: object) -> bool:
    """Whether an unpickled object is the top-level dictionary of one of our own files."""
    return isinstance(top, dict) and FORMAT_KEY in top


def native_checkpoint(path: str, top: Mapping[Any, Any], reader: TensorReader) -> Checkpoint:
    """Turn the top-level dictionary of one of our own ``.pt`` files into a `Checkpoint`.

    Raises:
        CheckpointError: if the layout is newer than this release, or damaged.
    """
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
