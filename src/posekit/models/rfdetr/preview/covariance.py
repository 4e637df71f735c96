"""Uncertainty of keypoints, from the Cholesky factor of the inverse covariance.

The network gives (log l11, l21, log l22); with L = [[l11, 0], [l21, l22]] the precision is L L^T.
"""

import torch
from torch import Tensor


def covariance(factor: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the covariance of places in pixels.

    Args:
        factor: (..., 3) log l11, l21, log l22, for places as fractions of the picture; NaN where there is no keypoint.
        size: (h, w) of the picture.

    Returns:
        (..., 2, 2) of x, y in square pixels; NaN where it is not finite.
    """
    log_l11, l21, log_l22 = factor.unbind(-1)
    l11, l22 = log_l11.exp(), log_l22.exp()
    determinant = (l11 * l22).square()
    height, width = size
    xx = (l21.square() + l22.square()) / determinant * width**2
    xy = -l11 * l21 / determinant * (width * height)
    yy = l11.square() / determinant * height**2
    matrix = torch.stack((torch.stack((xx, xy), -1), torch.stack((xy, yy), -1)), -2)
    return torch.where(matrix.isfinite(), matrix, torch.nan)


def log_trace(factor: Tensor) -> Tensor:
    """Return the logarithm (...) of the covariance's trace for factors (..., 3), for places as fractions.

    It stays finite where the trace itself would be too large or too small for floating point.
    """
    log_l11, l21, log_l22 = factor.unbind(-1)
    x, y = -2 * log_l11, -2 * log_l22
    mixed = 2 * l21.abs().clamp(min=1e-12).log() + x + y
    return torch.stack((x, y, mixed), -1).logsumexp(-1)
