"""Linear layers with ReLU between."""

from itertools import pairwise

from torch import Tensor, nn


class MLP(nn.Module):
    """A small network that works on each token alone.

    Args:
        widths: channels in, between and out.
    """

    def __init__(self, *widths: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(inputs, outputs) for inputs, outputs in pairwise(widths))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (..., outputs) for tokens (..., inputs)."""
        for layer in self.layers[:-1]:
            tokens = layer(tokens).relu()
        made: Tensor = self.layers[-1](tokens)
        return made

    @property
    def last(self) -> nn.Linear:
        """The layer that gives the output."""
        layer = self.layers[-1]
        assert isinstance(layer, nn.Linear)
        return layer
