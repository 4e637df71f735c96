"""What a checkpoint holds, whoever wrote it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from posekit.checkpoint.unpickle import MAX_KEY_BITS, Stub, TensorRef, checked_key
from posekit.config.kinds import ImageSize, takes
from posekit.errors import CheckpointError, MissingExtraError, SchemaError
from posekit.log import LOGGER
from posekit.schema.schema import KeypointSchema

if TYPE_CHECKING:
    from torch import Tensor


_REMEMBERED = ("imgsz", "data", "task", "single_cls")

# Deepest nesting of containers that is copied.
MAX_DEPTH = 32

# Most values that are copied; shared containers count once for each place they appear in.
MAX_VALUES = 200_000

# Most characters that all copied texts have together; shared texts count like shared containers.
MAX_CHARACTERS = 10_000_000
_DROPPED = object()

# The key that marks a file as ours; its value is the version of the layout.
FORMAT_KEY = "posekit_format"
FORMAT_VERSION = 1

_HEADER_KEY = "posekit"
_PAIRS_KEY = "__pairs__"
_MAX_RECORD_CHARACTERS = 4_000_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """The contents of a weight file: tensors, plain values and the keypoint schema.

    Attributes:
        path: the file it came from, or will go to.
        kind: who wrote it.
        state: tensors by name, in the order of the network; floating ones are float32, others keep
            their dtype. Names are those of the YOLO state dict, "model.<layer>....".
        task: "detect", "segment", "pose" or "multitask"; None when the file does not say.
        definition: the model definition, plain data as in a model YAML; empty when unknown.
        names: class names by index.
        schema: the keypoints; None when the network has none.
        fused: batch norms are folded into the convolutions, so the network can only predict.
        settings: training settings by name, plain values.
        metrics: the numbers of the last validation by name.
        license: licence text of the weights; None when the file does not say.
        metadata: what else is known (date, version, epoch, ...), plain values.
        training: everything needed to resume a run, nested plain values and tensors; empty once
            training is over, and always for foreign files.
    """

    path: str
    kind: Literal["posekit", "foreign"] = "posekit"
    state: "dict[str, Tensor]"
    task: str | None = None
    definition: dict[str, Any] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    schema: KeypointSchema | None = None
    fused: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    license: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)

    def remembered(self) -> dict[str, Any]:
        """Return the settings that later runs go on with; an input size that makes no sense is left out."""
        settings = {key: self.settings[key] for key in _REMEMBERED if self.settings.get(key) is not None}
        if "imgsz" in settings and not takes(ImageSize(), settings["imgsz"]):
            LOGGER.warning("%s: its input size imgsz=%r makes no sense, and is ignored", self.path, settings["imgsz"])
            del settings["imgsz"]
        return settings


def plain_value(value: object, tensor: Callable[[TensorRef], Any] | None = None) -> Any:
    """Return a copy of what `unpickle` built, made of bool, int, float, str, None, list, tuple and dict only.

    Namespaces (the training options of older files) become dictionaries. Dictionary entries of any
    other type are left out; in lists and tuples they become None, because positions carry meaning.

    Args:
        value: a value that `unpickle` built.
        tensor: turns tensor references into the value to keep; without it they are left out.

    Raises:
        CheckpointError: if the value is nested too deeply, holds itself, or is too large.
    """
    copy = _Reader(tensor).copy(value)
    return None if copy is _DROPPED else copy


def plain_copy(value: Any, where: str, tensor: "Callable[[Tensor], Tensor] | None" = None) -> Any:
    """Return a copy of what is to be written, made of plain values; `where` is its dotted name.

    Raises:
        CheckpointError: naming the first value that is not plain, or that reading would refuse. Tensors are plain
            where there is `tensor` to copy them.
    """
    return _Writer(tensor, where).copy(value)


class _Copier:
    """Walks through plain values; the two below say what becomes of keys and values that are not plain."""

    def __init__(self, tensor: Callable[[Any], Any] | None, root: str = "") -> None:
        self._tensor = tensor
        self._left = MAX_VALUES
        self._characters_left = MAX_CHARACTERS
        self._root = root
        self._path: list[Any] = []  # keys, and the indices of lists each in a tuple

    def where(self) -> str:
        parts = (f"[{part[0]}]" if isinstance(part, tuple) else f".{part}" for part in self._path)
        return self._root + "".join(parts)

    def copy(self, value: Any) -> Any:
        self._left -= 1
        if len(self._path) > MAX_DEPTH or self._left < 0:
            raise CheckpointError(f"values are nested more than {MAX_DEPTH} deep or number more than {MAX_VALUES}")
        if type(value) is str:
            self._characters_left -= len(value)
            if self._characters_left < 0:
                raise CheckpointError(f"texts have more than {MAX_CHARACTERS} characters together")
            return value
        if value is None or type(value) in (bool, int, float):
            return value
        if isinstance(value, Mapping):
            return self.entries(value)
        if isinstance(value, (list, tuple)):
            items = [self._inside((index,), item) for index, item in enumerate(value)]
            kept = [None if item is _DROPPED else item for item in items]
            return tuple(kept) if isinstance(value, tuple) else kept
        return self.other(value)

    def entries(self, value: Mapping[Any, Any]) -> dict[Any, Any]:
        copies = {self.copy(key): self._inside(key, item) for key, item in value.items() if self.keeps(key)}
        return {key: item for key, item in copies.items() if item is not _DROPPED}

    def _inside(self, part: Any, value: Any) -> Any:
        self._path.append(part)
        copy = self.copy(value)
        self._path.pop()
        return copy

    def keeps(self, key: Any) -> bool:
        raise NotImplementedError

    def other(self, value: Any) -> Any:
        raise NotImplementedError


class _Reader(_Copier):
    def keeps(self, key: Any) -> bool:
        return key is None or isinstance(key, (bool, int, str))

    def other(self, value: Any) -> Any:
        if isinstance(value, Stub) and value.origin.name.endswith("Namespace"):
            return self.entries(value.attributes)
        return self._tensor(value) if isinstance(value, TensorRef) and self._tensor else _DROPPED


class _Writer(_Copier):
    def keeps(self, key: Any) -> bool:
        if type(key) not in (str, int):
            kind = type(key).__name__
            raise CheckpointError(f"{self.where()} has a key of type {kind}; text or whole numbers were expected")
        if type(key) is int and key.bit_length() > MAX_KEY_BITS:  # reading would refuse it
            limit = 2**MAX_KEY_BITS
            raise CheckpointError(f"{self.where()} has the key {key}; whole numbers below {limit} were expected")
        return True

    def other(self, value: Any) -> Any:
        import torch

        if isinstance(value, torch.Tensor) and self._tensor:
            return self._tensor(value)
        kind = type(value).__name__
        raise CheckpointError(
            f"{self.where()} is of type {kind}; checkpoints hold text, numbers, lists and dictionaries only"
        )


_Kind = TypeVar("_Kind")


def to_record(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return everything but the tensors as plain values; a value that is not plain is refused by its name."""
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
    """Build the checkpoint that `to_record` described; floating tensors of `state` are widened to float32.

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
        return KeypointSchema.from_dict(stored)
    except (SchemaError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise CheckpointError(f"the keypoint schema of the file contradicts itself: {error}") from error


def write_safetensors(path: Path, record: Mapping[str, Any], state: "dict[str, Tensor]") -> None:
    """Write contiguous CPU tensors that share no memory, and plain values, of which tuples come back as lists."""
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
