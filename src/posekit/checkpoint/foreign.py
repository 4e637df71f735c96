"""Reads the checkpoints of the reference implementation: a pickled network and its training record."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from posekit.checkpoint.contents import Checkpoint
from posekit.checkpoint.foreign_schema import stored_schema
from posekit.checkpoint.inert import Stub
from posekit.checkpoint.plain import plain_value
from posekit.checkpoint.tensors import TensorReader
from posekit.checkpoint.walk import modules, tensor_refs
from posekit.errors import CheckpointError

if TYPE_CHECKING:
    import torch

_READ_TASKS = ("detect", "segment", "pose", "multitask")
_HEAD_TASKS = {"Pose": "pose", "Pose26": "pose", "Segment": "segment", "Segment26": "segment", "Detect": "detect"}
_ROOT_TASKS = {"PoseModel": "pose", "SegmentationModel": "segment", "DetectionModel": "detect"}
_METADATA = ("date", "version", "epoch", "best_fitness", "updates", "git", "docs")
_USUAL_ACTIVATIONS = {"SiLU", "Identity"}


def foreign_checkpoint(path: str, top: Mapping[Any, Any], reader: TensorReader) -> Checkpoint:
    """Turn the top-level dictionary of a foreign file into a `Checkpoint`.

    Args:
        path: where the file lies, recorded in the result.
        top: what `unpickle` built.
        reader: reads the tensors of the same file.

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
        schema=stored_schema(network, definition),
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
