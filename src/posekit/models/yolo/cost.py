"""Size and arithmetic of a YOLO network: layers, parameters, multiply-adds."""

from copy import deepcopy

import torch
from torch import Tensor, nn

from posekit.models.cost import NetworkCost
from posekit.models.yolo.attention import Attention
from posekit.models.yolo.network import YoloNetwork

BN_OPERATIONS = 8  # per output element: four multiply-adds


def network_cost(network: YoloNetwork, size: tuple[int, int] = (640, 640)) -> NetworkCost:
    """Measure a network for inputs of (H, W) pixels; nothing is computed, only shapes."""
    return NetworkCost.of(network, count_operations(network, size))


def count_operations(network: YoloNetwork, size: tuple[int, int]) -> float:
    """Return the operations of one picture (3, H, W): convolutions, attention products, batch norms, DFL."""
    levels = sum(size[0] / stride * (size[1] / stride) for stride in network.strides)
    bins = network.head.spec.reg_max
    expectation = 2.0 * 4 * bins * levels if bins > 1 else 0.0
    return sum(count for _, count in _operations(network, size)) + expectation


def convolution_macs(network: YoloNetwork, size: tuple[int, int]) -> int:
    """Return the multiply-adds of all convolutions of the inference path for one picture (3, H, W)."""
    counts = _operations(network, size)
    return int(sum(count for module, count in counts if isinstance(module, _CONVOLUTIONS)) // 2)


_CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


def _operations(network: YoloNetwork, size: tuple[int, int]) -> list[tuple[nn.Module, float]]:
    """Send shapes through a copy without memory and count per call of a module."""
    counts: list[tuple[nn.Module, float]] = []

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        counts.append((module, _operations_of(module, inputs[0], output)))

    twin = deepcopy(network).to("meta").eval()
    for module in twin.modules():
        if isinstance(module, (*_CONVOLUTIONS, nn.BatchNorm2d, Attention)):
            module.register_forward_hook(count)
    with torch.no_grad():
        twin(torch.empty(1, 3, *size, device="meta"))
    return counts


def _operations_of(module: nn.Module, x: Tensor, y: Tensor) -> float:
    if isinstance(module, nn.Conv2d):
        return 2.0 * y.numel() * module.weight[0].numel()
    if isinstance(module, nn.ConvTranspose2d):
        return 2.0 * x.numel() * module.weight[0].numel()
    if isinstance(module, Attention):
        positions = x.shape[2] * x.shape[3]
        return 2.0 * module.heads * positions**2 * (module.key_dim + module.head_dim)
    return float(BN_OPERATIONS * y.numel())
