"""The plain part of our own checkpoints: everything but the tensors, the same in every container."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from posekit.checkpoint.contents import Checkpoint, checked_shape
from posekit.checkpoint.inert import MAX_KEY_BITS
from posekit.checkpoint.plain import MAX_DEPTH
from posekit.errors import CheckpointError, SchemaError
from posekit.schema import KeypointSchema

if TYPE_CHECKING:
    from torch import Tensor

FORMAT_KEY = "posekit_format"
"""The key that marks a file as ours; its value is the version of the layout."""

FORMAT_VERSION = 1

_Kind = TypeVar("_Kind")


def to_record(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return everything but the tensors as plain values.

    Raises:
        CheckpointError: if a setting, metric or other value is not plain, naming it.
    """
    return {
        FORMAT_KEY: FORMAT_VERSION,
        "task": checkpoint.task,
        "definition": plain_copy(checkpoint.definition, "definition"),
        "names": {int(index): str(name) for index, name in checkpoint.names.items()},
        "schema": None if checkpoint.schema is None else checkpoint.schema.to_dict(),
        "fused": checkpoint.fused,
        "settings": plain_copy(checkpoint.settings, "settings"),
        "metrics": {name: float(value) for name, value in checkpoint.metrics.items()},
        "license": checkpoint.license,
        "metadata": plain_copy(checkpoint.metadata, "metadata"),
    }


def from_record(
    path: str, record: Mapping[str, Any], state: "dict[str, Tensor]", training: dict[str, Any]
) -> Checkpoint:
    """Build the checkpoint that `to_record` described.

    Args:
        path: where the file lies.
        record: plain values.
        state: the tensors by name; floating ones are widened to float32.
        training: the state of a run to resume.

    Raises:
        CheckpointError: if the layout is newer than this release, or a value has the wrong type.
    """
    version = _value(record, FORMAT_KEY, int)
    if version > FORMAT_VERSION:
        raise CheckpointError(
            f"layout {version} is newer than this posekit, which reads {FORMAT_VERSION}: upgrade posekit"
        )
    return Checkpoint(
        path=path,
        kind="posekit",
        state={name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()},
        task=_optional(record, "task", str),
        definition=_value(record, "definition", dict),
        names=_names(record),
        schema=_schema(_optional(record, "schema", dict)),
        fused=_value(record, "fused", bool),
        settings=_value(record, "settings", dict),
        metrics=_value(record, "metrics", dict),
        license=_optional(record, "license", str),
        metadata=_value(record, "metadata", dict),
        training=training,
    )


def plain_copy(value: Any, where: str, tensor: "Callable[[Tensor], Tensor] | None" = None, depth: int = 0) -> Any:
    """Return a copy made of plain values, or say which value is not plain.

    Args:
        value: what to copy.
        where: its dotted name, for the message.
        tensor: copies tensors; without it they are refused like any other object.
        depth: how many containers the value is nested in.

    Raises:
        CheckpointError: naming the first value that is not plain.
    """
    if depth > MAX_DEPTH:
        raise CheckpointError(f"{where} is nested more than {MAX_DEPTH} deep")
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Mapping):
        _check_keys(value, where)
        return {key: plain_copy(item, f"{where}.{key}", tensor, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = [plain_copy(item, f"{where}[{index}]", tensor, depth + 1) for index, item in enumerate(value)]
        return tuple(items) if isinstance(value, tuple) else items
    if tensor is not None and _is_tensor(value):
        return tensor(value)
    raise CheckpointError(
        f"{where} is of type {type(value).__name__}; checkpoints hold text, numbers, lists and dictionaries only"
    )


def _is_tensor(value: object) -> bool:
    import torch

    return isinstance(value, torch.Tensor)


def _check_keys(value: Mapping[Any, Any], where: str) -> None:
    for key in value:
        if type(key) not in (str, int):
            raise CheckpointError(
                f"{where} has a key of type {type(key).__name__}; text or whole numbers were expected"
            )
        if type(key) is int and key.bit_length() > MAX_KEY_BITS:  # reading would refuse it
            raise CheckpointError(f"{where} has the key {key}; whole numbers below {2**MAX_KEY_BITS} were expected")


def _value(record: Mapping[str, Any], key: str, kind: type[_Kind]) -> _Kind:
    value = record.get(key)
    if not isinstance(value, kind):
        raise CheckpointError(
            f"entry {key!r} is {type(value).__name__} instead of {kind.__name__}: the file is damaged"
        )
    return value


def _optional(record: Mapping[str, Any], key: str, kind: type[_Kind]) -> _Kind | None:
    return None if record.get(key) is None else _value(record, key, kind)


def _names(record: Mapping[str, Any]) -> dict[int, str]:
    names = _value(record, "names", dict)
    if not all(isinstance(index, int) and isinstance(name, str) for index, name in names.items()):
        raise CheckpointError("entry 'names' does not map class numbers to text: the file is damaged")
    return names


def _schema(stored: Mapping[str, Any] | None) -> KeypointSchema | None:
    if stored is None:
        return None
    try:
        count, dims = stored["kpt_shape"]
        checked_shape(int(count), int(dims))
        return KeypointSchema.from_dict(stored)
    except CheckpointError:
        raise
    except (SchemaError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise CheckpointError(f"the keypoint schema of the file contradicts itself: {error}") from error
