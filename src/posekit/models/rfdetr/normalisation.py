"""Brings pictures to the scale that the backbone was trained with."""

from typing import Final

import torch
from torch import Tensor, nn

IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
IMAGENET_STD: Final = (0.229, 0.224, 0.225)


class Normalisation(nn.Module):
    """Subtracts the mean of ImageNet's colours and divides by their standard deviation."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        # Constants: not part of the published state dicts.
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return (B, 3, H, W) for RGB pictures (B, 3, H, W) in [0, 1]."""
        return (images - self.mean) / self.std
