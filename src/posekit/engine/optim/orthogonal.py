"""Orthogonalises matrices: the Newton-Schulz iteration of Muon (Jordan et al. 2024)."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

# The quintic a x + b x^3 + c x^5 whose iterates push singular values towards 1 fastest from near 0.
COEFFICIENTS: Final = (3.4445, -4.7750, 2.0315)
ITERATIONS: Final = 5
EPSILON: Final = 1e-7


def orthogonalise(matrices: Sequence[Tensor]) -> list[Tensor]:
    """Return for each matrix U S V^T about U V^T: singular values end up between 0.7 and 1.2.

    Matrices of one shape are computed together. The iteration needs few digits: accelerators compute it in
    bfloat16. Processors compute it in float32, as those without bfloat16 instructions are 15 times slower with it.

    Args:
        matrices: (rows, columns) each, of one device; not changed.

    Returns:
        As many matrices, of the same shapes and types.
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
