"""The `.safetensors` form of our checkpoints: tensors, and the plain values as JSON in the header."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posekit.checkpoint.contents import Checkpoint
from posekit.checkpoint.inert import checked_key
from posekit.checkpoint.record import FORMAT_KEY, from_record
from posekit.errors import CheckpointError, MissingExtraError

if TYPE_CHECKING:
    from torch import Tensor

_HEADER_KEY = "posekit"
_PAIRS_KEY = "__pairs__"
_MAX_RECORD_CHARACTERS = 4_000_000


def write_safetensors(path: Path, record: Mapping[str, Any], state: "dict[str, Tensor]") -> None:
    """Write tensors and plain values.

    Args:
        path: the file to write.
        record: plain values; tuples come back as lists.
        state: contiguous CPU tensors that share no memory.

    Raises:
        OSError: if the file cannot be written.
        MissingExtraError: if the package safetensors is missing.
    """
    try:
        from safetensors import SafetensorError
        from safetensors.torch import save_file
    except ImportError as error:
        raise _missing() from error
    try:
        save_file(state, path, metadata={"format": "pt", _HEADER_KEY: json.dumps(_to_json(record))})
    except SafetensorError as error:
        raise OSError(str(error)) from error


def read_safetensors(path: Path) -> Checkpoint:
    """Read a checkpoint that `write_safetensors` wrote.

    Raises:
        CheckpointError: if the file is damaged, or was written by something else.
        MissingExtraError: if the package safetensors is missing.
    """
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise _missing() from error
    if not path.is_file():
        raise CheckpointError("this is not a regular file; a checkpoint is one file that ends in .safetensors")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            record = _record(header.get(_HEADER_KEY))
            # Cloned, because tensors of an open file change or fault with it.
            state = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"the safetensors file is cut off or damaged ({error}): fetch it again") from error
    return from_record(str(path), record, state, {})


def _record(text: str | None) -> dict[str, Any]:
    if text is None:
        raise CheckpointError(
            "the safetensors file holds bare tensors without a posekit record; "
            "build the network from its definition and load the tensors into it"
        )
    if len(text) > _MAX_RECORD_CHARACTERS:
        raise CheckpointError(f"the posekit record of the safetensors file has {len(text)} characters")
    try:
        record = _from_json(json.loads(text))
    except (ValueError, TypeError, RecursionError) as error:
        raise CheckpointError(f"the posekit record of the safetensors file is damaged ({error})") from error
    if not isinstance(record, dict) or FORMAT_KEY not in record:
        raise CheckpointError("the posekit record of the safetensors file has no layout version")
    return record


def _to_json(value: Any) -> Any:
    """Spell dictionaries with numbers as keys as lists of pairs: JSON would turn such keys into text."""
    if isinstance(value, Mapping):
        pairs = [[key, _to_json(item)] for key, item in value.items()]
        return dict(pairs) if all(isinstance(key, str) for key in value) else {_PAIRS_KEY: pairs}
    if isinstance(value, (list, tuple)):
        return [_to_json(item) for item in value]
    return value


def _from_json(value: Any) -> Any:
    if isinstance(value, dict):
        pairs = value[_PAIRS_KEY] if set(value) == {_PAIRS_KEY} else value.items()
        return {checked_key(key): _from_json(item) for key, item in pairs}
    if isinstance(value, list):
        return [_from_json(item) for item in value]
    return value


def _missing() -> MissingExtraError:
    return MissingExtraError("safetensors files", "safetensors", "safetensors")
