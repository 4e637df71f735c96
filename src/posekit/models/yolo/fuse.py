"""Folds batch norms into convolutions and drops what inference does not need."""

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

from posekit.models.yolo.blocks import Conv
from posekit.models.yolo.heads import Branch
from posekit.models.yolo.network import YoloNetwork


class FusedConv(nn.Module):
    """A convolution with bias and its activation: what `Conv` computes in evaluation mode."""

    def __init__(self, conv: nn.Conv2d, activation: nn.Module) -> None:
        super().__init__()
        self.conv = conv
        self.act = activation

    def forward(self, x: Tensor) -> Tensor:
        """Return ``act(conv(x))``."""
        return self.act(self.conv(x))  # type: ignore[no-any-return]


def fuse_network(network: YoloNetwork, branch: Branch = "one2many") -> YoloNetwork:
    """Return a fused copy for inference; the original keeps its batch norms and both sets of branches.

    Args:
        network: any YOLO network.
        branch: which set of branches a YOLO26 head keeps; others have ``one2many`` alone.
    """
    fused = deepcopy(network).eval().requires_grad_(False)
    fused.head.keep_only(branch)
    _fuse_children(fused)
    return fused


def is_fused(network: nn.Module) -> bool:
    """Whether a network has no batch norm left to fold."""
    return not any(isinstance(module, (nn.BatchNorm2d, nn.SyncBatchNorm)) for module in network.modules())


def _fuse_children(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, Conv):
            setattr(module, name, FusedConv(_fold(child.conv, child.bn), child.act))
        else:
            _fuse_children(child)


def _fold(conv: nn.Conv2d, bn: nn.BatchNorm2d) -> nn.Conv2d:
    """Return the convolution w' = w * g / sqrt(v + eps), b' = b - m * g / sqrt(v + eps)."""
    # Without initial values, which would cost time and advance the user's random numbers.
    fused: nn.Conv2d = skip_init(  # type: ignore[no-untyped-call]
        nn.Conv2d,
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size,
        conv.stride,
        conv.padding,
        groups=conv.groups,
        device=conv.weight.device,
        dtype=conv.weight.dtype,
    ).requires_grad_(False)
    assert bn.running_mean is not None
    assert bn.running_var is not None
    with torch.no_grad():
        gain = bn.weight / torch.sqrt(bn.running_var + bn.eps)
        fused.weight.copy_(conv.weight * gain.view(-1, 1, 1, 1))
        fused.bias.copy_(bn.bias - bn.running_mean * gain)  # type: ignore[union-attr]
    return fused
