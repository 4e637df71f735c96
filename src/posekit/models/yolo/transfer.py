"""Starting weights: a network for other classes and keypoints takes over what a trained one has learned."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from posekit.errors import CheckpointError
from posekit.models.yolo.branch_names import renamed_state
from posekit.models.yolo.class_rows import copy_class_rows, moved_classes
from posekit.models.yolo.class_width import class_layers, class_width, network_with_class_width
from posekit.models.yolo.definition import ModelDefinition
from posekit.models.yolo.fuse import is_fused
from posekit.models.yolo.network import YoloNetwork, silent_build

FIRST_CONVOLUTION: Final = "model.0.conv.weight"


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
