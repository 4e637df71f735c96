"""Reads the checkpoints of the reference implementation: a pickled network and its training record."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from posekit.checkpoint.archive import TensorReader
from posekit.checkpoint.record import Checkpoint, plain_value
from posekit.checkpoint.unpickle import Stub, TensorRef
from posekit.errors import CheckpointError, SchemaError
from posekit.schema.schema import COCO_PERSON, KeypointSchema

if TYPE_CHECKING:
    import torch


# Most modules that are visited; a module counts once for each place it is used in.
MAX_MODULES = 20_000

# Most tensors that a network may have.
MAX_TENSORS = 100_000
_MAX_TABLE = 2_000
_MAX_NAME = 512

_READ_TASKS = ("detect", "segment", "pose", "multitask")
_HEAD_TASKS = {"Pose": "pose", "Pose26": "pose", "Segment": "segment", "Segment26": "segment", "Detect": "detect"}
_ROOT_TASKS = {"PoseModel": "pose", "SegmentationModel": "segment", "DetectionModel": "detect"}
_METADATA = ("date", "version", "epoch", "best_fitness", "updates", "git", "docs")
_USUAL_ACTIVATIONS = {"SiLU", "Identity"}


def modules(root: Stub) -> Iterator[tuple[str, Stub]]:
    """Yield the dotted name and the stub of every module, parents first, in stored order; the root has the name "".

    Places whose module was removed (None) are skipped; whatever else is no module is refused.
    """
    pending = [("", root)]
    for _ in range(MAX_MODULES):
        if not pending:
            return
        name, module = pending.pop()
        yield name, module
        pending.extend(reversed(_children(name, module)))
    raise CheckpointError(f"the network has more than {MAX_MODULES} modules")


def tensor_refs(root: Stub) -> dict[str, TensorRef]:
    """Return the persistent parameters and buffers of a network by state-dict name, in order."""
    refs: dict[str, TensorRef] = {}
    for name, module in modules(root):
        refs.update(_tensors(name, _table(name, module, "_parameters")))
        refs.update(_tensors(name, _persistent_buffers(name, module)))
        if len(refs) > MAX_TENSORS:
            raise CheckpointError(f"the network has more than {MAX_TENSORS} tensors")
    return refs


def _tensors(name: str, table: dict[str, Any]) -> Iterator[tuple[str, TensorRef]]:
    for key, ref in table.items():
        if isinstance(ref, TensorRef):
            yield _joined(name, key), ref
        elif ref is not None:
            raise CheckpointError(f"{_joined(name, key)} is {type(ref).__name__} instead of a tensor")


def _persistent_buffers(name: str, module: Stub) -> dict[str, Any]:
    skipped = module.attributes.get("_non_persistent_buffers_set")
    skipped = skipped if isinstance(skipped, set) else set()
    return {key: buffer for key, buffer in _table(name, module, "_buffers").items() if key not in skipped}


def _children(name: str, module: Stub) -> list[tuple[str, Stub]]:
    children = []
    for key, child in _table(name, module, "_modules").items():
        if isinstance(child, Stub):
            children.append((_joined(name, key), child))
        elif child is not None:
            raise CheckpointError(f"{_joined(name, key)} is {type(child).__name__} instead of a module")
    return children


def _table(name: str, module: Stub, group: str) -> dict[str, Any]:
    """Return one of the three tables of a module, checked to be a dictionary of plain names."""
    table = module.attributes.get(group, {})
    if not isinstance(table, dict) or len(table) > _MAX_TABLE:
        raise CheckpointError(f"module {name or 'root'} has no readable {group}")
    return table


def _joined(name: str, key: object) -> str:
    if not isinstance(key, str) or not key or "." in key or len(name) + len(key) > _MAX_NAME:
        raise CheckpointError(f"a part of ...{name[-80:]} has no plain name, or modules are nested too deeply")
    return f"{name}.{key}" if name else key


def _stored_schema(network: Stub, definition: Mapping[str, Any]) -> KeypointSchema | None:
    """Return the schema of a pickled network; None when it has no keypoints.

    Foreign files store the shape, sometimes names and sigmas, never limbs or mirror maps; those are
    known for the COCO person, which is assumed for 17 points without other names.
    """
    shape = _shape(network, definition)
    if shape is None:
        return None
    try:
        schema = KeypointSchema.for_shape(shape)
        names = _stored_names(plain_value(network.attributes.get("kpt_names")))
        if names and names != COCO_PERSON.names:
            schema = KeypointSchema(shape=shape, names=names)
        sigmas = plain_value(network.attributes.get("kpt_oks_sigmas"))
        return replace(schema, oks_sigmas=tuple(float(sigma) for sigma in sigmas)) if sigmas else schema
    except (SchemaError, TypeError, ValueError, OverflowError) as error:
        raise CheckpointError(f"the keypoint schema of the file contradicts itself: {error}") from error


def _shape(network: Stub, definition: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return (K, D) from the network, its definition, or its head, the layer that has it."""
    candidates = [network.attributes.get("kpt_shape"), definition.get("kpt_shape")]
    candidates += [module.attributes.get("kpt_shape") for name, module in modules(network) if name.count(".") == 1]
    for candidate in candidates:
        match candidate:
            case [int(count), int(dims)]:
                return count, dims
    return None


def _stored_names(stored: Any) -> tuple[str, ...]:
    """Return the point names of the first class that has some."""
    lists = stored.values() if isinstance(stored, dict) else [stored]
    return next((tuple(map(str, names)) for names in lists if isinstance(names, (list, tuple)) and names), ())


def foreign_checkpoint(path: str, top: Mapping[Any, Any], reader: TensorReader) -> Checkpoint:
    """Turn the top-level dictionary of a foreign file, as `unpickle` built it, into a `Checkpoint`.

    Raises:
        CheckpointError: if there is no network in it, or one for another task.
    """
    network = _network(top)
    attributes = network.attributes
    definition = _mapping(attributes.get("yaml"))
    state = {name: _as_float32(reader.read(ref)) for name, ref in tensor_refs(network).items()}
    if not state:
        raise CheckpointError(f"the network {network.origin.name} holds no tensors")
    options = _mapping(attributes.get("args"))
    return Checkpoint(
        path=path,
        kind="foreign",
        state=state,
        task=_task(network, definition, options),
        definition=definition,
        names=_names(attributes, definition),
        schema=_stored_schema(network, definition),
        # Folding leaves no batch norm behind; every unfused network of this family has some.
        fused=not any(name.endswith("bn.weight") for name in state),
        settings=_mapping(top.get("train_args")) or options,
        metrics=_metrics(_mapping(top.get("train_metrics"))),
        license=_text(top.get("license")),
        metadata=_metadata(top, network),
    )


def _network(top: Mapping[Any, Any]) -> Stub:
    """Return the averaged network if there is one, else the plain one."""
    network = top.get("model") if top.get("ema") is None else top["ema"]
    if isinstance(network, dict):
        raise CheckpointError(
            "the file holds a bare state dict without a model definition; "
            "build the network from its definition and load the tensors into it"
        )
    if not isinstance(network, Stub):
        raise CheckpointError("the file holds no network under 'ema' or 'model'")
    if not network.origin.name.endswith("Model"):
        raise CheckpointError(f"the file holds {network.origin}, which is no YOLO network")
    return network


def _as_float32(tensor: "torch.Tensor") -> "torch.Tensor":
    return tensor.float() if tensor.is_floating_point() else tensor


def _task(network: Stub, definition: Mapping[str, Any], options: Mapping[str, Any]) -> str | None:
    task = (
        _text(network.attributes.get("task"))
        or _text(options.get("task"))
        or _HEAD_TASKS.get(_head_block(definition))
        or _ROOT_TASKS.get(network.origin.name)
    )
    if task is not None and task not in _READ_TASKS:
        raise CheckpointError(f"this is a network for the task {task!r}; posekit reads {', '.join(_READ_TASKS)}")
    return task


def _head_block(definition: Mapping[str, Any]) -> str:
    """Return the block name of the last entry [from, repeats, block, args] of the definition's head."""
    match definition.get("head"):
        case [*_, [_, _, str(block), *_]]:
            return block
    return ""


def _names(attributes: Mapping[str, Any], definition: Mapping[str, Any]) -> dict[int, str]:
    match plain_value(attributes.get("names")):
        case dict(names) if names and all(isinstance(index, int) for index in names):
            return {index: str(name) for index, name in names.items()}
        case list(names) if names:
            return dict(enumerate(map(str, names)))
    count = attributes.get("nc", definition.get("nc"))
    if not isinstance(count, int) or not 0 < count < 100_000:
        raise CheckpointError("the file says neither class names nor their number")
    return {index: str(index) for index in range(count)}


def _metrics(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if isinstance(value, (int, float))}


def _metadata(top: Mapping[Any, Any], network: Stub) -> dict[str, Any]:
    record = {key: plain_value(top[key]) for key in _METADATA if top.get(key) is not None}
    record["network_class"] = str(network.origin)
    activations = {module.origin.name for name, module in modules(network) if name.endswith(".act")}
    if not activations <= _USUAL_ACTIVATIONS:
        record["activations"] = sorted(activations)
    return record


def _mapping(value: object) -> dict[str, Any]:
    """Return the plain entries of a dictionary or namespace that have text keys."""
    copy = plain_value(value)
    return {key: item for key, item in copy.items() if isinstance(key, str)} if isinstance(copy, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
