"""Weights of YOLO networks: from and to checkpoints, and moved to networks of other classes, keypoints and tasks."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from posekit.checkpoint.record import Checkpoint
from posekit.errors import CheckpointError, ModelDefinitionError
from posekit.models.shared import listed, misfits, tensors_of
from posekit.models.yolo.definition import MAX_CHANNELS, ModelDefinition, parse_definition
from posekit.models.yolo.heads import PREFIX, Branch, Detect
from posekit.models.yolo.network import YoloNetwork, fuse_network, is_fused, silent_build
from posekit.schema.schema import KeypointSchema

KINDS = ("keypoints_name", "masks_name")  # attributes of heads

FIRST_CONVOLUTION: Final = "model.0.conv.weight"

DEFAULT_MASKS: Final = (32, 256)  # prototypes, hidden channels before scaling
HEAD_BLOCKS: Final = {"Pose": "MultiTask", "Pose26": "MultiTask26"}


def class_width(state: Mapping[str, Tensor]) -> int | None:
    """Return the hidden width of the class branches of a network from its tensors; None without class branches."""
    # model.<head>.cv3.<level>.2.weight, or one2one_cv3 where a fused network kept only that
    last = (tensor for name, tensor in state.items() if name.endswith("cv3.0.2.weight") and name.count(".") == 5)
    return next((tensor.shape[1] for tensor in last if tensor.dim() == 4), None)


def class_layers(network: YoloNetwork) -> list[str]:
    """Return the dotted names of the convolutions with one output per class: of all branches, and the semantic one."""
    head = f"model.{len(network.model) - 1}"
    names = [
        f"{head}.{PREFIX[branch]}cv3.{level}.2"
        for branch in network.head.branches
        for level in range(len(network.strides))
    ]
    semantic = f"{head}.proto.semseg.2"
    return [*names, semantic] if f"{semantic}.weight" in network.state_dict() else names


def network_with_class_width(definition: ModelDefinition, width: int) -> YoloNetwork:
    """Build a network whose class branches have a hidden width, with fresh weights.

    Args:
        definition: the network.
        width: hidden channels, as of the same network for another number of classes.

    Raises:
        ModelDefinitionError: the width makes no sense.
    """
    if not 0 < width <= MAX_CHANNELS:
        raise ModelDefinitionError(f"class branches of {width} hidden channels: expected 1 to {MAX_CHANNELS}")
    # The rule of the head gives this width to a network of so many classes, if it gives it to any.
    network = YoloNetwork(definition.with_classes(width, definition.kpt_shape))
    for name in class_layers(network):
        _replace_outputs(network, name, definition.nc)
    network.head.spec = replace(network.head.spec, nc=definition.nc)
    network.head.initialize_biases(network.strides)
    network.definition = definition
    network.names = {index: str(index) for index in range(definition.nc)}
    return network


def silent_build_for(definition: ModelDefinition, state: Mapping[str, Tensor]) -> YoloNetwork:
    """Build a network without memory or initial values, with class branches as wide as those of some tensors.

    Args:
        definition: the network.
        state: tensors by name, to be loaded into it.

    Raises:
        ModelDefinitionError: the width of the tensors makes no sense.
    """
    network = silent_build(definition)
    width = class_width(state)
    if width is None or width == class_width(network.state_dict()):
        return network
    with torch.device("meta"):
        return network_with_class_width(definition, width)


def _replace_outputs(network: YoloNetwork, name: str, classes: int) -> None:
    """Put a fresh convolution with `classes` outputs in place of the one of this name."""
    parent, _, position = name.rpartition(".")
    branch: nn.Sequential = network.get_submodule(parent)  # type: ignore[assignment]
    outputs = nn.Conv2d(branch[int(position)].in_channels, classes, 1)  # type: ignore[arg-type]
    if "one2one_" in name:  # starts as its twin, as in a network built at once
        outputs.load_state_dict(network.get_submodule(name.replace("one2one_", "")).state_dict())
    branch[int(position)] = outputs


def network_from_checkpoint(checkpoint: Checkpoint) -> YoloNetwork:
    """Return the network of a checkpoint with its weights, in evaluation mode.

    Raises:
        CheckpointError: tensors are missing, left over or of another shape than the definition says.
        ModelDefinitionError: the definition names a block that posekit does not have.
    """
    network = silent_build_for(_definition(checkpoint), checkpoint.state)
    if checkpoint.fused:
        branch: Branch = "one2one" if any(".one2one_" in name for name in checkpoint.state) else "one2many"
        network = fuse_network(network, branch)
    state = _with_counters(checkpoint.state, network)
    problems = misfits(state, {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()})
    if problems:
        raise CheckpointError(
            f"{checkpoint.path}: the weights do not fit the network that the file describes: {listed(problems)}"
        )
    network.load_state_dict(state, assign=True)
    network.names = dict(checkpoint.names) or network.names
    return network.eval()


def _definition(checkpoint: Checkpoint) -> ModelDefinition:
    definition = parse_definition(checkpoint.definition, name=f"{checkpoint.path}: model definition")
    kpt_shape = checkpoint.schema.shape if checkpoint.schema else definition.kpt_shape
    return definition.with_classes(len(checkpoint.names) or definition.nc, kpt_shape)


def _with_counters(state: dict[str, Tensor], network: YoloNetwork) -> dict[str, Tensor]:
    """Add batch counters that a file may leave out; inference does not read them."""
    counters = (name for name in network.state_dict() if name.endswith("num_batches_tracked"))
    return {name: torch.zeros((), dtype=torch.int64) for name in counters} | state


def renamed_state(source: YoloNetwork, network: YoloNetwork) -> dict[str, Tensor]:
    """Return the tensors of a network under the names that another one gives to its branches.

    Args:
        source: whose tensors.
        network: whose names. Branches that it does not have keep theirs.
    """
    renamed = _renamed(source.head, network.head)
    place = f"model.{len(source.model) - 1}."
    return {_new_name(name, place, renamed): tensor for name, tensor in source.state_dict().items()}


def _renamed(source: Detect, head: Detect) -> dict[str, str]:
    """Return the new name of each branch that has one in both heads, in both sets of branches."""
    both = [kind for kind in KINDS if hasattr(source, kind) and hasattr(head, kind)]
    return {
        f"{prefix}{getattr(source, kind)}": f"{prefix}{getattr(head, kind)}"
        for kind in both
        for prefix in PREFIX.values()
    }


def _new_name(name: str, place: str, renamed: Mapping[str, str]) -> str:
    """Return the new name of a tensor, such as ``model.23.cv4.0.2.bias``; `place` is that of the head."""
    if not name.startswith(place):
        return name
    branch, dot, rest = name.removeprefix(place).partition(".")
    return f"{place}{renamed.get(branch, branch)}{dot}{rest}"


def moved_classes(names: Mapping[int, str], source_names: Mapping[int, str]) -> dict[int, int]:
    """Return for classes of a network the class of another that has the same name.

    Case and blanks around a name do not matter, and numbers are no names.

    Args:
        names: class names by index.
        source_names: those of the other network.

    Returns:
        Index in `names` to index in `source_names`; empty when no name matches, or when all that match keep their
        place among as many classes: then nothing has to move.
    """
    indices: dict[str, int] = {}
    for index, name in source_names.items():
        indices.setdefault(_key(name), index)
    moved = {index: indices[_key(name)] for index, name in names.items() if _key(name) in indices and _is_name(name)}
    stays = len(names) == len(source_names) and all(index == origin for index, origin in moved.items())
    return {} if stays else moved


@torch.no_grad()
def copy_class_rows(target: Tensor, source: Tensor, moved: Mapping[int, int]) -> bool:
    """Copy rows of a class convolution, in place; return whether the two have rows of one shape.

    Args:
        target: weight (nc, c, 1, 1) or bias (nc,).
        source: the same of another network, for its number of classes.
        moved: see `moved_classes`.
    """
    if target.shape[1:] != source.shape[1:]:
        return False
    target[list(moved)] = source[list(moved.values())].to(target)
    return True


def _key(name: str) -> str:
    return name.strip().casefold()


def _is_name(name: str) -> bool:
    return bool(name.strip()) and not name.strip().isdecimal()


@dataclass(frozen=True, kw_only=True)
class Transferred:
    """How much of a network came from another.

    Attributes:
        copied: tensors taken over whole.
        total: tensors of the network.
        classes: classes whose rows were taken over by name, because they had to move; 0 otherwise.
    """

    copied: int
    total: int
    classes: int


def build_for_training(
    definition: ModelDefinition,
    *,
    names: Mapping[int, str],
    kpt_shape: tuple[int, int] | None,
    source: YoloNetwork | None = None,
) -> YoloNetwork:
    """Build a network for the classes and keypoints of a data set, with fresh weights.

    Args:
        definition: the network; its own classes and keypoints do not matter.
        names: class names by index.
        kpt_shape: (K, D) of the keypoints; None without.
        source: the network whose weights it is to take over. Where the two differ in the hidden width of their class
            branches, because they are for different numbers of classes, the width is the source's: its hidden
            layers then fit.
    """
    definition = definition.with_classes(len(names), kpt_shape)
    width = None if source is None else _width_to_keep(silent_build(definition), source)
    network = YoloNetwork(definition) if width is None else network_with_class_width(definition, width)
    network.names = dict(names)
    return network


def transfer_weights(network: YoloNetwork, source: YoloNetwork, *, remap_classes: bool = True) -> Transferred:
    """Take over every tensor of another network whose name and shape fit; the others stay as they are.

    Branches of keypoints and masks have other names in multitask heads; they fit each other all the same.

    The rows of the class convolutions follow their class names where these have moved (`moved_classes`); rows of
    unknown names stay fresh then. A first convolution for another number of input channels takes over what it can.

    Args:
        network: changed in place.
        source: an unfused network.
        remap_classes: whether class names matter at all.

    Raises:
        CheckpointError: only one of the two is fused, so that equal names stand for different numbers.
    """
    if is_fused(network) != is_fused(source):
        raise CheckpointError(
            "batch norms are folded into the convolutions of one of the two networks only: their weights differ in "
            "meaning. Load the unfused file, or build this network anew"
        )
    own, given = network.state_dict(), renamed_state(source, network)
    moved = moved_classes(network.names, source.names) if remap_classes else {}
    by_name = {f"{name}.{part}" for name in class_layers(network) for part in ("weight", "bias")} if moved else set()
    matching = {
        name: tensor
        for name, tensor in given.items()
        if name in own and own[name].shape == tensor.shape and name not in by_name
    }
    network.load_state_dict(matching, strict=False)
    fits = [copy_class_rows(own[name], given[name], moved) for name in by_name & given.keys()]
    if FIRST_CONVOLUTION in own.keys() & given.keys() - matching.keys():
        copy_input_channels(own[FIRST_CONVOLUTION], given[FIRST_CONVOLUTION])
    return Transferred(copied=len(matching), total=len(own), classes=len(moved) if any(fits) else 0)


@torch.no_grad()
def copy_input_channels(target: Tensor, source: Tensor) -> None:
    """Copy the filters of a convolution for another number of input channels, in place, if all else agrees.

    One input channel takes the sum over those of the source; otherwise the leading channels that both have are copied.

    Args:
        target: (c2, c1, k, k).
        source: (c2, other c1, k, k).
    """
    if target.shape[0] != source.shape[0] or target.shape[2:] != source.shape[2:]:
        return
    if target.shape[1] == 1:
        target.copy_(source.sum(1, keepdim=True))
    else:
        shared = min(target.shape[1], source.shape[1])
        target[:, :shared] = source[:, :shared].to(target)


def _width_to_keep(network: YoloNetwork, source: YoloNetwork) -> int | None:
    """Return the hidden width of the source's class branches if the two differ in that alone, else None."""
    if is_fused(source) or network.head.spec.depthwise != source.head.spec.depthwise:
        return None
    if _input_widths(network) != _input_widths(source):
        return None
    width = class_width(source.state_dict())
    return None if width == class_width(network.state_dict()) else width


def _input_widths(network: YoloNetwork) -> list[int]:
    """Return the channels of the levels that the head reads."""
    return [branch.get_parameter("0.conv.weight").shape[1] for branch in network.head.cv2.children()]


def checkpoint_of(
    network: YoloNetwork,
    schema: KeypointSchema | None,
    settings: Mapping[str, Any],
    license: str | None,
    path: str | Path,
) -> Checkpoint:
    """Return what a checkpoint of a network holds, to be saved under `path`."""
    return Checkpoint(
        path=str(path),
        state=tensors_of(network),
        task=network.task,
        definition=network.definition.source,
        names=dict(network.names),
        schema=schema,
        fused=is_fused(network),
        settings=dict(settings),
        license=license,
    )


def multitask_definition(pose: ModelDefinition, segment: ModelDefinition) -> ModelDefinition:
    """Return the definition of a pose network with a multitask head in place of its own.

    Args:
        pose: whose layers and keypoints are taken.
        segment: whose number of prototypes is taken.

    Raises:
        ModelDefinitionError: the two are no pose and no segment network, or differ in family or size.
    """
    if (pose.task, segment.task) != ("pose", "segment"):
        raise ModelDefinitionError(
            f"a pose and a segment network are needed, in this order: found {pose.task} and {segment.task}"
        )
    if _body(pose) != _body(segment):
        raise ModelDefinitionError(
            "the pose and the segment network must be of one family and size: their layers differ"
        )
    masks, hidden = (
        segment.head.options.get(name, default)
        for name, default in zip(("masks", "proto_hidden"), DEFAULT_MASKS, strict=True)
    )
    key = "layers" if pose.source.get("layers") else "head"
    rows = list(pose.source[key])
    sources, repeats = rows[-1][:2]
    rows[-1] = [sources, repeats, HEAD_BLOCKS[pose.head.block], ["nc", masks, hidden, "kpt_shape"]]
    changed = {key: rows, "kpt_shape": list(pose.kpt_shape or ())}
    return parse_definition({**pose.source, **changed}, name="the merged model")


def _body(definition: ModelDefinition) -> tuple[object, ...]:
    """Return everything that makes the layers before the head what they are."""
    scale = (definition.depth, definition.width, definition.max_channels, definition.scale)
    return (definition.layers[:-1], definition.head.sources, scale, definition.reg_max, definition.end2end)
