"""The hidden width of the class branches, which follows from the number of classes they were first made for.

A network that went from 80 classes to 2 keeps the hidden layers it has learned. Its definition then says 2 classes,
and only the tensors tell the width: `class_width` reads it, the others build for it.
"""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from posekit.errors import ModelDefinitionError
from posekit.models.yolo.definition import ModelDefinition
from posekit.models.yolo.heads import PREFIX
from posekit.models.yolo.layer_options import MAX_CHANNELS
from posekit.models.yolo.network import YoloNetwork, silent_build


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
