"""Scores that count how sure a network is of the keypoints."""

import torch
from torch import Tensor

from posekit.models.rfdetr.preview.covariance import log_trace

ALPHA = 0.2
SMALLEST_CONFIDENCE = 1e-12


def fuse_scores(scores: Tensor, confidence: Tensor, factor: Tensor, used: Tensor, alpha: float = ALPHA) -> Tensor:
    """Return scores lowered or raised by the spread of the keypoints, below 1.

    Args:
        scores: (n,) in 0 ... 1.
        confidence: (n, K) of keypoints, their weights.
        factor: (n, K, 3) Cholesky factors (see `covariance`).
        used: (n, K) bool, False for places that the object's class has no keypoint for.
        alpha: how much spread matters.
    """
    weights = torch.where(used, confidence.clamp(min=SMALLEST_CONFIDENCE).log(), -torch.inf)
    traces = torch.where(used, log_trace(factor), 0)
    mean = (traces + weights).logsumexp(-1) - weights.logsumexp(-1)
    mean = torch.where(used.any(-1), mean, 0)  # classes without keypoints
    fused = (scores.log() - alpha * mean).sigmoid()
    return fused.clamp(max=float(torch.nextafter(scores.new_tensor(1.0), scores.new_tensor(0.0))))
