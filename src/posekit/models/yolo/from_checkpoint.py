"""Rebuilds a network from a checkpoint, and copies matching weights between networks."""

import torch
from torch import Tensor

from posekit.checkpoint.contents import Checkpoint
from posekit.errors import CheckpointError
from posekit.models.yolo.class_width import silent_build_for
from posekit.models.yolo.definition import ModelDefinition, parse_definition
from posekit.models.yolo.fuse import fuse_network
from posekit.models.yolo.heads import Branch
from posekit.models.yolo.network import YoloNetwork

LISTED = 3  # names shown in an error before "and n more"


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
    _check_complete(state, network, checkpoint.path)
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


def _check_complete(state: dict[str, Tensor], network: YoloNetwork, path: str) -> None:
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    problems = [f"{name} is missing" for name in expected if name not in state]
    problems += [f"{name} is left over" for name in state if name not in expected]
    problems += [
        f"{name} is {tuple(tensor.shape)} instead of {expected[name]}"
        for name, tensor in state.items()
        if name in expected and tuple(tensor.shape) != expected[name]
    ]
    if problems:
        more = f" and {len(problems) - LISTED} more" if len(problems) > LISTED else ""
        raise CheckpointError(
            f"{path}: the weights do not fit the network that the file describes: {', '.join(problems[:LISTED])}{more}"
        )
