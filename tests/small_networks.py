"""Small networks and short trainings, for tests of everything around them."""

import math
import os
from pathlib import Path

import torch

import posekit
from golden.fill import fill, image
from golden.networks import KEEP
from posekit.models.yolo.definition import parse_definition
from posekit.models.yolo.heads import PREFIX
from posekit.models.yolo.network import YoloNetwork
from posekit.models.yolo.presets import stock_definition

# Anchor points whose score is above 0.25 on the picture that the scores are set by.
FOUND = 12


def small_definition(name="yolov8n-pose", *, nc=1, kpt_shape=(17, 3)):
    """Return the definition of a stock network at a quarter of the width of nano."""
    definition = stock_definition(name) | {"scales": {"t": [0.33, 0.0625, 1024]}, "scale": "t", "nc": nc}
    if "kpt_shape" in definition:
        definition["kpt_shape"] = list(kpt_shape)
    return definition


def small_network(name="yolov8n-pose", *, seed=0, nc=1, kpt_shape=(17, 3)):
    """Return such a network with weights that the seed alone decides, in evaluation mode."""
    network = YoloNetwork(parse_definition(small_definition(name, nc=nc, kpt_shape=kpt_shape))).eval()
    for key, tensor in network.state_dict().items():
        if not key.endswith(KEEP):
            tensor.copy_(torch.from_numpy(fill(f"{seed}:{key}", tuple(tensor.shape), 1.0)).to(tensor.dtype))
    with torch.no_grad():
        find_something(network)
    return network


def find_something(network):
    """Shift scores so that a few anchor points pass, and boxes so that they are small."""
    height = max(96, int(max(network.strides)) * 2)
    picture = torch.from_numpy(image(height, 128, 0)).permute(2, 0, 1)[None].float() / 255
    for branch, raw in network(picture).items():
        best = raw["scores"].amax(1).flatten().sort(descending=True).values
        shift = math.log(0.25 / 0.75) - (best[FOUND - 1] + best[FOUND]) / 2
        bins = network.head.spec.reg_max
        for level in range(len(network.strides)):
            network.get_parameter(f"model.{len(network.model) - 1}.{PREFIX[branch]}cv3.{level}.2.bias").add_(shift)
            box = network.get_parameter(f"model.{len(network.model) - 1}.{PREFIX[branch]}cv2.{level}.2.bias")
            box.add_((-0.5 * torch.arange(float(bins))).repeat(4) if bins > 1 else 3.0)


SMALL = {"imgsz": 64, "batch": 4, "epochs": 2, "device": "cpu", "workers": 0, "plots": False, "verbose": False}


def environment():
    """Return the environment of a process that trains with one thread: how sums are divided decides their last bits."""
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(posekit.__file__).parents[1])}


def different(one, other, place=""):
    """Return the places where two nests of tensors and plain values are not the same, bit for bit."""
    if isinstance(one, torch.Tensor):
        return [] if torch.equal(one, other) else [place]
    if isinstance(one, list | tuple):
        one, other = dict(enumerate(one)), dict(enumerate(other))
    if not isinstance(one, dict):
        return [] if one == other else [f"{place}: {one} and {other}"]
    if one.keys() != other.keys():
        return [f"{place}: {sorted(one)} and {sorted(other)}"]
    return [found for key in one for found in different(one[key], other[key], f"{place}/{key}")]
