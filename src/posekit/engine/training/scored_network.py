"""A network together with its losses, as one module that several processes can train."""

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from posekit.engine import distributed
from posekit.models.contract import Criterion, Losses
from posekit.sample import Targets


class ScoredNetwork(nn.Module):
    """A network together with its losses, so that gradients of all parameters come from one forward pass."""

    def __init__(self, network: nn.Module, criterion: Criterion) -> None:
        super().__init__()
        self.network = network
        self._criterion = [criterion]  # not a part of the module: it holds the network's flow model, too

    def forward(self, images: Tensor, targets: Targets) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the (T,) total losses and the items of a batch."""
        losses: Losses = self._criterion[0](self.network(images), targets)
        return losses.total, losses.items


def made_to_learn(network: nn.Module, criterion: Criterion, device: torch.device) -> nn.Module:
    """Return a network with its losses; of several processes, one whose gradients are the mean of all."""
    scored = ScoredNetwork(network, criterion)
    if distributed.world_size() == 1:
        return scored
    for weight in network.parameters():
        # Pictures in channels-last layout give such weights gradients whose strides differ, though only along sides of
        # length 1. PyTorch would warn of it.
        if weight.requires_grad and 1 in weight.shape[1:]:
            weight.register_hook(with_usual_strides)  # type: ignore[no-untyped-call]
    ids = [device.index] if device.type == "cuda" else None
    # No search for parameters without a gradient: a criterion gives every one its own, whatever the batch holds.
    return DistributedDataParallel(scored, device_ids=ids, forward_sync_buffers=False)


def with_usual_strides(gradient: Tensor) -> Tensor:
    """Return a gradient with the strides of row-major layout, if that is its layout but for sides of length 1."""
    return gradient.flatten().view(gradient.shape) if gradient.is_contiguous() else gradient
