"""Small RF-DETR networks with made-up weights, for tests of everything around a network."""

import torch

from golden.rfdetr_files import golden_tensor
from posekit.models.rfdetr.architecture import Architecture, KeypointSlots, Layout
from posekit.models.rfdetr.model import RFDETRModel
from posekit.models.rfdetr.network import RFDETRNetwork
from posekit.models.rfdetr.preview import KeypointPreviewNetwork
from posekit.schema.schema import KeypointSchema

SMALLEST = Architecture(
    resolution=64,
    patch_size=16,
    windows=2,
    position_grid=4,
    decoder_layers=2,
    queries=9,
    detections=9,
    groups=3,
    width=64,
    feedforward=64,
    encoder_width=64,
    encoder_heads=1,
)
CHANGED = (
    "resolution", "position_grid", "queries", "detections", "groups", "width", "feedforward", "encoder_width",
    "encoder_heads",
)  # fmt: skip


def small_definition(**changes):
    """Return what a user would write of such a network, to be trained in a second."""
    small = {name: getattr(SMALLEST, name) for name in CHANGED} | {"encoder_depth": 4, "taps": [1, 2, 3, 4]}
    return {"family": "rfdetr", "size": "rfdetr-pose-nano", **small, **changes}


def small_rfdetr(*, class_rows=2, keypoints=5, architecture=SMALLEST):
    """Return a network with weights that the names of its tensors alone decide, in evaluation mode."""
    return filled(RFDETRNetwork(architecture, class_rows, keypoints))


def small_preview(*, class_rows=3, slots=(0, 5, 3), architecture=SMALLEST):
    """Return such a keypoint preview network."""
    return filled(KeypointPreviewNetwork(architecture, class_rows, KeypointSlots(slots)))


def filled(network):
    """Give a network golden weights, and put it into evaluation mode."""
    for name, tensor in network.state_dict().items():
        if tensor.dtype != torch.bool:
            tensor.copy_(torch.from_numpy(golden_tensor(name, tuple(tensor.shape))))
    return network.eval()


def small_model(*, keypoints=17, names=None):
    """Return such a network as a model of persons, or of the classes named."""
    names = names or {0: "person"}
    layout = Layout(architecture=SMALLEST, class_rows=len(names) + 1, keypoints=keypoints)
    network = small_rfdetr(class_rows=layout.class_rows, keypoints=keypoints)
    schema = KeypointSchema.for_shape((keypoints, 3)) if keypoints else None
    return RFDETRModel(network=network, layout=layout, names=names, schema=schema)


def small_preview_model():
    """Return a small keypoint preview of persons, whose class 0 is background."""
    layout = Layout(architecture=SMALLEST, class_rows=2, slots=KeypointSlots((0, 17)))
    network = small_preview(class_rows=2, slots=(0, 17))
    return RFDETRModel(network=network, layout=layout, names={1: "person"}, schema=KeypointSchema.for_shape((17, 3)))
