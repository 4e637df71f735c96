"""`MuSGD`: stochastic gradient descent whose matrices also take an orthogonalised step (Muon)."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, overload

import torch
from torch import Tensor
from torch.optim import Optimizer

# The quintic a x + b x^3 + c x^5 whose iterates push singular values towards 1 fastest from near 0.
COEFFICIENTS: Final = (3.4445, -4.7750, 2.0315)
ITERATIONS: Final = 5
EPSILON: Final = 1e-7
MUON_WEIGHT: Final = 0.2  # length of the orthogonalised step, relative to the learning rate


def orthogonalise(matrices: Sequence[Tensor]) -> list[Tensor]:
    """Return for each matrix U S V^T about U V^T: singular values end up between 0.7 and 1.2.

    Matrices (rows, columns) of one shape are computed together, on one device; shapes and types stay. The iteration
    needs few digits: accelerators compute it in bfloat16. Processors compute it in float32, as those without bfloat16
    instructions are 15 times slower with it.
    """
    alike: dict[tuple[torch.Size, torch.dtype], list[int]] = defaultdict(list)
    for index, matrix in enumerate(matrices):
        alike[matrix.shape, matrix.dtype].append(index)
    results = list(matrices)
    for (_, dtype), indices in alike.items():
        batch = _newton_schulz(torch.stack([matrices[index] for index in indices]))
        for index, result in zip(indices, batch.to(dtype), strict=True):
            results[index] = result
    return results


def _newton_schulz(x: Tensor) -> Tensor:
    """Iterate on (n, rows, columns)."""
    a, b, c = COEFFICIENTS
    x = x.to(torch.float32 if x.device.type == "cpu" else torch.bfloat16)
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + EPSILON)
    tall = x.shape[-2] > x.shape[-1]
    if tall:  # the products are then of the smaller size
        x = x.mT
    for _ in range(ITERATIONS):
        gram = x @ x.mT  # (n, r, r)
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class MuSGD(Optimizer):
    """SGD with momentum; groups with ``muon`` first take a step in an orthogonalised direction.

    With gradient g, momentum b, rate lr and weight p (see `posekit.engine.optimizer.muon_groups`):

    - muon groups: m = b m + (1 - b) g; u = b m + (1 - b) g, or m without Nesterov; p -= 0.2 lr U(u), see
      `muon_directions`; weight decay takes no part;
    - all groups, p being the value after that: d = g + decay p; v = b v + d; p -= lr (d + b v), or lr v without
      Nesterov.

    Args:
        groups: parameters, or groups of them; a group may be empty.
        lr: learning rate of groups that name none.
        momentum: b.
        weight_decay: L2 penalty.
        nesterov: look ahead by one step of momentum.
        muon: whether tensors (of at least two dimensions) also take the orthogonalised step.
    """

    def __init__(
        self,
        groups: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 0.01,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        nesterov: bool = True,
        muon: bool = False,
    ) -> None:
        defaults = {
            "lr": lr, "momentum": momentum, "weight_decay": weight_decay, "nesterov": nesterov, "muon": muon
        }  # fmt: skip
        super().__init__(groups, defaults)

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Move all parameters that have a gradient; `closure` evaluates the loss anew and returns it."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            if not parameters:
                continue
            gradients = [parameter.grad for parameter in parameters]
            if group["muon"]:
                self._muon_step(group, parameters, gradients)
            self._sgd_step(group, parameters, gradients)
        return loss

    def _muon_step(self, group: dict[str, Any], parameters: list[Tensor], gradients: list[Tensor]) -> None:
        buffers = self._buffers("muon_buffer", parameters)
        directions = muon_directions(gradients, buffers, group["momentum"], nesterov=group["nesterov"])
        torch._foreach_add_(parameters, directions, alpha=-group["lr"] * MUON_WEIGHT)

    def _sgd_step(self, group: dict[str, Any], parameters: list[Tensor], gradients: list[Tensor]) -> None:
        momentum, buffers = group["momentum"], self._buffers("momentum_buffer", parameters)
        steps = torch._foreach_add(gradients, parameters, alpha=group["weight_decay"])
        torch._foreach_mul_(buffers, momentum)
        torch._foreach_add_(buffers, steps)
        if group["nesterov"]:
            torch._foreach_add_(steps, buffers, alpha=momentum)
        torch._foreach_add_(parameters, steps if group["nesterov"] else buffers, alpha=-group["lr"])

    def _buffers(self, name: str, parameters: list[Tensor]) -> list[Tensor]:
        """Return one buffer per parameter from the optimiser's state, zeros at first."""
        for parameter in parameters:
            if name not in self.state[parameter]:
                self.state[parameter][name] = torch.zeros_like(parameter)
        return [self.state[parameter][name] for parameter in parameters]


def muon_directions(gradients: list[Tensor], buffers: list[Tensor], momentum: float, *, nesterov: bool) -> list[Tensor]:
    """Return the orthogonalised direction of each gradient, and bring its buffer up to date.

    Tensors count as matrices (first dimension, rest). A direction is lengthened by the root of
    ``size(-2) / size(-1)`` of the gradient where that is above 1: tall matrices; never the filters of a
    convolution, whose last two sides are equal.

    Args:
        gradients: of at least two dimensions; not changed.
        buffers: running means of the gradients, of the same shapes; changed in place.
        momentum: share of the old mean that stays.
        nesterov: look ahead by one step of momentum.
    """
    torch._foreach_mul_(buffers, momentum)
    torch._foreach_add_(buffers, gradients, alpha=1 - momentum)
    means = buffers
    if nesterov:
        means = list(torch._foreach_mul(buffers, momentum))
        torch._foreach_add_(means, gradients, alpha=1 - momentum)
    flat = orthogonalise([mean.reshape(len(mean), -1) for mean in means])
    return [
        direction.reshape(gradient.shape) * max(1.0, gradient.shape[-2] / gradient.shape[-1]) ** 0.5
        for direction, gradient in zip(flat, gradients, strict=True)
    ]
