"""The truth of a validation batch as targets of losses."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from posekit.metrics.picture import Truth
from posekit.sample import Targets


def targets_of(truths: Sequence[Truth], shape: tuple[int, int], *, overlap: bool) -> Targets:
    """Return the labelled objects of a batch as targets.

    Args:
        truths: of the pictures, in pixels of the network input.
        shape: (H, W) of the input.
        overlap: whether masks become index maps; each pixel then belongs to one object at most.
    """
    height, width = shape
    boxes = np.concatenate([truth.boxes for truth in truths]) / np.array((width, height, width, height), np.float32)
    centres = np.concatenate(((boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]), 1)
    keypoints = [truth.keypoints for truth in truths if truth.keypoints is not None]
    points = None
    if keypoints:
        points = np.concatenate(keypoints) / np.array((width, height, 1), np.float32)
    masks = [truth.masks for truth in truths if truth.masks is not None]
    counts = [len(truth) for truth in truths]
    return Targets(
        pictures=torch.repeat_interleave(torch.arange(len(truths)), torch.tensor(counts)),
        classes=torch.from_numpy(np.concatenate([truth.classes for truth in truths]).astype(np.int64)),
        boxes=torch.from_numpy(centres.astype(np.float32)),
        keypoints=None if points is None else torch.from_numpy(points.astype(np.float32)),
        masks=_joined([np.asarray(stack, np.uint8) for stack in masks], overlap=overlap) if masks else None,
        overlap=overlap,
        outlined=_outlined(truths) if masks else None,
    )


def _outlined(truths: Sequence[Truth]) -> torch.Tensor:
    """Return (n,) bool, whose masks are known."""
    known = [np.ones(len(truth), np.bool_) if truth.outlined is None else truth.outlined for truth in truths]
    return torch.from_numpy(np.concatenate(known))


def _joined(masks: Sequence[NDArray[np.uint8]], *, overlap: bool) -> torch.Tensor:
    """Return (B, h, w) index maps, or (n, h, w) masks."""
    if not overlap:
        return torch.from_numpy(np.concatenate(masks).astype(np.uint8))
    maps = [(stack * np.arange(1, len(stack) + 1, dtype=np.int32)[:, None, None]).max(0, initial=0) for stack in masks]
    return torch.from_numpy(np.stack(maps).astype(np.int32))
