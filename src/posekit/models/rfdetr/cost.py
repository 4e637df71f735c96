"""Size and arithmetic of an RF-DETR network: layers, parameters, multiply-adds."""

from copy import deepcopy

import torch
from torch.utils.flop_counter import FlopCounterMode

from posekit.models.cost import NetworkCost
from posekit.models.rfdetr.loading import AnyNetwork


def network_cost(network: AnyNetwork, size: tuple[int, int]) -> NetworkCost:
    """Measure a network for inputs of (H, W) pixels: matrix products, convolutions and attention are counted."""
    twin = deepcopy(network).to("meta").eval().requires_grad_(False)  # only shapes are computed
    with FlopCounterMode(display=False) as counter:
        twin(torch.zeros(1, 3, *size, device="meta"))
    return NetworkCost.of(network, counter.get_total_flops())
