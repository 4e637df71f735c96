"""RF-DETR networks with golden weights, and the arrays recorded from them (`rfdetr`).

Arrays of more than 2048 elements that nothing is computed from are kept as evenly spaced values with two sums
(see README.md).
"""

import gzip
import json
from functools import cache
from pathlib import Path

import numpy as np
import torch

from golden.fill import fill
from golden.networks import golden_input
from posekit.models.rfdetr.architecture import (
    BASE,
    KEYPOINT_PREVIEW,
    LARGE,
    MEDIUM,
    NANO,
    POSE_LARGE,
    SMALL,
    KeypointSlots,
)
from posekit.models.rfdetr.network import RFDETRNetwork
from posekit.models.rfdetr.preview import KeypointPreviewNetwork
from posekit.sample import Targets
from posekit.schema.schema import COCO_PERSON

FOLDER = Path(__file__).parent / "rfdetr"
DETECTORS = {"nano": NANO, "small": SMALL, "medium": MEDIUM, "large": LARGE, "base": BASE}
POSE = {"pose_nano": NANO, "pose_small": SMALL, "pose_medium": MEDIUM, "pose_large": POSE_LARGE}
PREVIEWS = {"keypoint_preview": (2, (0, 17)), "keypoint_default": (91, (17,))}
VARIANTS = [*DETECTORS, *POSE, *PREVIEWS]
SIGMAS = COCO_PERSON.oks_sigmas


@cache
def arrays(name):
    """Return the arrays of a file."""
    with np.load(FOLDER / f"{name}.npz") as file:
        return {key: file[key] for key in file.files}


def tensors(name, *keys):
    """Return some arrays of a file as tensors."""
    return [torch.from_numpy(arrays(name)[key]) for key in keys]


def recorded_keys(variant):
    """Return the shape of every entry of a state dict, and the names of those that are boolean."""
    keys = json.loads(gzip.decompress((FOLDER / f"keys_{variant}.json.gz").read_bytes()))
    return {name: tuple(shape) for name, shape in keys.items() if name != "__bool__"}, set(keys["__bool__"])


def build(variant):
    """Return the network of a variant with the initial weights of PyTorch."""
    if variant in PREVIEWS:
        rows, slots = PREVIEWS[variant]
        return KeypointPreviewNetwork(KEYPOINT_PREVIEW, rows, KeypointSlots(slots))
    if variant in POSE:
        return RFDETRNetwork(POSE[variant], 2, 17)
    return RFDETRNetwork(DETECTORS[variant], 91)


def golden_network(variant):
    """Return the network of a variant with golden weights, in evaluation mode."""
    network = build(variant)
    for name, tensor in network.state_dict().items():
        if tensor.dtype != torch.bool:
            tensor.copy_(torch.from_numpy(golden_tensor(name, tuple(tensor.shape))))
    return network.eval()


def golden_tensor(name, shape):
    """Return the golden values of a tensor; positions and layer scales large enough to be seen in the outputs."""
    values = fill(name, shape)
    if name.endswith("position_embeddings"):
        return values * np.float32(0.5 * np.sqrt(shape[1] * shape[2]))
    return values * np.float32(5) if name.endswith("lambda1") else values


def picture(file, height, width):
    """Return the picture that a file was recorded with, (1, 3, height, width) in [0, 1]."""
    return golden_input(height, width, [int(arrays(file)["seed"])])


def outputs_of(network, *names):
    """Return a dictionary that fills with the outputs of modules, a list for each name, when the network runs."""
    read = {name: [] for name in names}
    for name, outputs in read.items():
        keep = outputs.append
        network.get_submodule(name).register_forward_hook(lambda module, inputs, output, keep=keep: keep(output))
    return read


def every(tensor, step, axis):
    """Return every n-th of an axis, contiguous."""
    return tensor.index_select(axis, torch.arange(0, tensor.shape[axis], step)).contiguous()


def recorded_targets(file, prefix="", keypoints=None):
    """Return the objects of a file's two pictures.

    Args:
        file: its name.
        prefix: of the keys.
        keypoints: prefix of the keys of keypoints, where it is another.
    """
    stored = arrays(file)
    points = prefix if keypoints is None else keypoints

    def joined(kind, start=prefix):
        return torch.cat([torch.from_numpy(stored[f"{start}target{index}_{kind}"]) for index in (0, 1)])

    counts = torch.tensor([len(stored[f"{prefix}target{index}_labels"]) for index in (0, 1)])
    return Targets(
        pictures=torch.arange(2).repeat_interleave(counts),
        classes=joined("labels"),
        boxes=joined("boxes"),
        keypoints=joined("keypoints", points),
    )


def assert_matches(pairs, file, keys):
    """Compare pairs with the queries and objects recorded for two pictures under keys such as ``match{}_``."""
    stored, first = arrays(file), 0
    for index in (0, 1):
        own = pairs.pictures == index
        start = keys.format(index)
        np.testing.assert_array_equal(pairs.queries[own], stored[f"{start}query"])
        np.testing.assert_array_equal(pairs.targets[own] - first, stored[f"{start}target"])
        first = int(pairs.targets[own].max()) + 1
