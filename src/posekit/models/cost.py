"""Size and arithmetic of a network, as `info` prints them."""

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True, kw_only=True)
class NetworkCost:
    """What a network costs.

    Attributes:
        layers: modules without children, shared ones counted once.
        parameters: all parameters, fixed ones included.
        gradients: parameters that training changes.
        gflops: billions of operations for one picture; a multiply-add counts two.
    """

    layers: int
    parameters: int
    gradients: int
    gflops: float

    @classmethod
    def of(cls, network: nn.Module, operations: float) -> "NetworkCost":
        """Return the cost of a network that takes so many operations for one picture."""
        return cls(
            layers=sum(1 for module in network.modules() if not list(module.children())),
            parameters=sum(parameter.numel() for parameter in network.parameters()),
            gradients=sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad),
            gflops=operations / 1e9,
        )
