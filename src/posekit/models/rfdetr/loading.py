"""Builds RF-DETR networks, and fills them with weights."""

from collections.abc import Mapping
from typing import Final

from torch import Tensor

from posekit.errors import CheckpointError
from posekit.models.rfdetr.adapt import adapt
from posekit.models.rfdetr.network import RFDETRNetwork
from posekit.models.rfdetr.preview.network import KeypointPreviewNetwork
from posekit.models.rfdetr.recognise import Layout, recognise
from posekit.models.rfdetr.weights_file import WeightsFile

AnyNetwork = RFDETRNetwork | KeypointPreviewNetwork

# Rebuilt from the layout, whatever the file says.
MASKS: Final = ("_kp_active_mask", "transformer.decoder.keypoint_class_mask")
# Heads of keypoints are new when training starts from a detector.
NEW: Final = (
    "keypoint_head.",
    "keypoint_embed.",
    "transformer.keypoint_query_initializer",
    "transformer.enc_out_keypoint_embed.",
    "transformer.decoder.keypoint_pos_embed",
)
NEW_IN_LAYERS: Final = (".kp_", ".instance_kp_layer_scale")
# The preview's file holds a projection that its network does not use; detectors need no keypoints.
UNUSED: Final = ("keypoint_head.keypoint_proj.", *NEW, "backbone.0.cross_attn_projector.")
LISTED = 3  # names shown in an error before "and n more"


def build_network(layout: Layout) -> AnyNetwork:
    """Return a network with the initial weights of PyTorch, in evaluation mode."""
    if layout.slots is not None:
        return KeypointPreviewNetwork(layout.architecture, layout.class_rows, layout.slots).eval()
    return RFDETRNetwork(layout.architecture, layout.class_rows, layout.keypoints).eval()


def network_from_file(file: WeightsFile) -> tuple[AnyNetwork, Layout]:
    """Return the network that a file holds, and its layout.

    Raises:
        CheckpointError: the file holds another kind of network, or not all of one.
    """
    layout = recognise(file.state, file.options, file.path)
    network = build_network(layout)
    missing = fill_network(network, file.state, file.path)
    if missing:
        raise CheckpointError(f"{file.path}: the weights are incomplete: {_listed(missing)} missing")
    return network, layout


def start_from_file(network: AnyNetwork, target: Layout, file: WeightsFile) -> list[str]:
    """Fill a network with the weights of another that it is to be trained from; return the names that stay new.

    Raises:
        CheckpointError: the file holds another kind of network, or one of another width, depth or patch size.
    """
    source = recognise(file.state, file.options, file.path)
    return start_from_state(network, target, file.state, source, file.path)


def start_from_state(
    network: AnyNetwork, target: Layout, state: Mapping[str, Tensor], source: Layout, path: str
) -> list[str]:
    """Fill a network with the tensors of one of layout `source`; return the names that stay new.

    Raises:
        CheckpointError: they are of another width, depth or patch size.
    """
    return fill_network(network, adapt(state, source, target), path)


def fill_network(network: AnyNetwork, state: Mapping[str, Tensor], path: str) -> list[str]:
    """Copy tensors into a network; return the names of those that a keypoint head lacks.

    Raises:
        CheckpointError: other tensors are missing, left over, or of another shape.
    """
    own = network.state_dict()
    wanted = {name: tuple(tensor.shape) for name, tensor in own.items() if name not in MASKS}
    missing = [name for name in wanted if name not in state]
    problems = [f"{name} is missing" for name in missing if not _is_new(name)]
    problems += [f"{name} is left over" for name in state if name not in own and not name.startswith(UNUSED)]
    problems += [
        f"{name} is {tuple(state[name].shape)} instead of {shape}"
        for name, shape in wanted.items()
        if name in state and tuple(state[name].shape) != shape
    ]
    if problems:
        raise CheckpointError(f"{path}: the weights do not fit this RF-DETR network: {_listed(problems)}")
    network.load_state_dict({name: state[name] for name in wanted if name in state}, strict=False)
    return missing


def _is_new(name: str) -> bool:
    return name.startswith(NEW) or any(part in name for part in NEW_IN_LAYERS)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{', '.join(names[:LISTED])}{more}"
