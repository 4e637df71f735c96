"""Residual log-likelihood of keypoints (Li et al. 2021, arXiv:2107.11291)."""

import torch
from torch import Tensor

from posekit.models.yolo.flow import RealNVP
from posekit.models.yolo.losses.matched import Matched

MAX_ERROR = 100.0  # spreads
EPS = 1e-9
# COCO's 17 points: shoulders to ankles are harder than faces.
COCO_WEIGHTS = (1.0,) * 7 + (1.2, 1.2, 1.5, 1.5, 1.0, 1.0, 1.2, 1.2, 1.5, 1.5)


def flow_term(matched: Matched) -> Tensor:
    """Return how unlikely the flow finds the errors of labelled keypoints; 0 outside training."""
    keypoints, flow = matched.keypoints, matched.rules.flow
    if flow is None or "kpts_sigma" not in matched.raw:
        return keypoints.found[:0].sum()
    spread = matched.gather(matched.raw["kpts_sigma"])[keypoints.rows].view_as(keypoints.found)
    objects, points = keypoints.labelled.nonzero(as_tuple=True)
    sigma = spread[objects, points].sigmoid()  # (n, 2)
    sigma = sigma.clamp(min=torch.finfo(sigma.dtype).tiny)
    error = (keypoints.found[objects, points] - keypoints.true[objects, points]) / (sigma + EPS)
    finite = error.isfinite().all(1)
    weights = keypoint_weights(matched.rules.decode.kpt_shape, error)[points]
    return residual_likelihood(flow, error[finite], sigma[finite], weights[finite])


def residual_likelihood(flow: RealNVP, error: Tensor, sigma: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean negative log-likelihood of errors, at least 0.

    Args:
        flow: log density of errors.
        error: (n, 2) errors of x and y in spreads.
        sigma: (n, 2) the spreads.
        weights: (n,) weights of the points.
    """
    error = error.clamp(-MAX_ERROR, MAX_ERROR)
    log_phi = flow.log_prob(error)[:, None]
    # The flow refines a Laplace density: log(2 sigma) + |error| is its negative logarithm.
    loss = sigma.log() - log_phi + (2 * sigma).log() + error.abs()
    return ((loss * weights[:, None]).sum() / max(len(error), 1)).clamp(min=0)


def keypoint_weights(kpt_shape: tuple[int, int] | None, like: Tensor) -> Tensor:
    """Return the weight (K,) of each keypoint."""
    points = 0 if kpt_shape is None else kpt_shape[0]
    return like.new_tensor(COCO_WEIGHTS if kpt_shape == (17, 3) else (1.0,) * points)
