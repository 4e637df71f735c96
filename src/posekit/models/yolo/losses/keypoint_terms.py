"""Loss terms of keypoints: location and visibility."""

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from posekit.models.yolo.losses.matched import Matched

EPS = 1e-9


def location_term(matched: Matched) -> Tensor:
    """Return the OKS loss of labelled keypoints."""
    keypoints = matched.keypoints
    sigmas = keypoints.found.new_tensor(matched.rules.sigmas)
    return location_loss(keypoints.found, keypoints.true, keypoints.labelled, keypoints.areas, sigmas)


def visibility_term(matched: Matched) -> Tensor:
    """Return the binary cross-entropy of visibility logits with whether keypoints are labelled; 0 without logits."""
    keypoints = matched.keypoints
    if keypoints.visibility is None:
        return keypoints.found[:0].sum()
    target, owned = keypoints.labelled.to(keypoints.visibility), keypoints.owned.to(keypoints.visibility)
    total = binary_cross_entropy_with_logits(keypoints.visibility, target, owned, reduction="sum")
    return total / owned.sum().clamp(min=1)


def location_loss(found: Tensor, true: Tensor, labelled: Tensor, areas: Tensor, sigmas: Tensor) -> Tensor:
    """Return the mean of 1 - OKS over objects (Maji et al. 2022, arXiv:2204.06806).

    Args:
        found: (Q, K, 2) predicted x, y in cells.
        true: (Q, K, 2) true x, y in cells.
        labelled: (Q, K) bool; other keypoints do not count.
        areas: (Q,) areas of the true boxes in square cells.
        sigmas: (K,) OKS sigmas.
    """
    distance = (found - true).square().sum(2)
    error = distance / ((2 * sigmas).square() * (areas[:, None] + EPS) * 2)
    counting = labelled.to(found)
    share = counting / (counting.sum(1, keepdim=True) + EPS)  # (Q, K), sums to 1 where anything is labelled
    return (share * -(-error).expm1()).sum() / max(len(found), 1)
