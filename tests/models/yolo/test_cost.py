"""Sizes and arithmetic are the published ones."""

import json

import pytest
import torch

from golden.networks import FOLDER, STOCK, build_recorded
from posekit.models.yolo.network import convolution_macs, fuse_network, network_cost

COSTS = json.loads((FOLDER / "costs.json").read_text())


def without_memory(name):
    with torch.device("meta"):
        return build_recorded(name).eval()


@pytest.mark.parametrize("name", STOCK)
def test_parameters_and_multiply_adds_are_the_recorded_ones(name):
    network = without_memory(name)
    fused = fuse_network(network)
    assert convolution_macs(network, (64, 64)) == COSTS[name]["conv_macs_64"]
    assert convolution_macs(fused, (64, 64)) == COSTS[name]["fused_conv_macs_64"]
    assert sum(parameter.numel() for parameter in network.parameters()) == COSTS[name]["parameters"]
    assert sum(parameter.numel() for parameter in fused.parameters()) == COSTS[name]["fused_parameters"]


@pytest.mark.parametrize("name", ["yolov8n-pose", "yolov8x-pose-p6", "yolo11m-seg", "yolo26n-pose", "yolo26s-seg"])
def test_gflops_at_640_are_the_recorded_ones(name):
    network = without_memory(name)
    assert network_cost(network).gflops == pytest.approx(COSTS[name]["gflops"], abs=6e-4)
    assert network_cost(fuse_network(network)).gflops == pytest.approx(COSTS[name]["fused_gflops"], abs=6e-4)


@pytest.mark.parametrize(
    ("name", "layers"), [("yolov8n-pose", 144), ("yolo11s-pose", 196), ("yolo26n-pose", 363), ("yolo26s-seg", 309)]
)
def test_layers_count_modules_without_children_and_the_shared_activation_once(name, layers):
    assert network_cost(without_memory(name)).layers == layers


def test_fusing_takes_the_batch_norms_off_the_count():
    assert network_cost(fuse_network(without_memory("yolov8n-pose"))).layers == 81
