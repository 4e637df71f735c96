"""Which keypoints the objects of each class have, as a table for tensors."""

import torch
from torch import Tensor

from posekit.schema import KeypointSchema


def points_of_classes(schema: KeypointSchema | None, nc: int) -> Tensor | None:
    """Return (nc, K) bool: whether objects of a class have a keypoint; None when all have all, or there are none.

    Args:
        schema: the keypoints.
        nc: number of classes.
    """
    if schema is None or schema.classes is None:
        return None
    counts = torch.tensor([schema.points_of(label) for label in range(nc)])
    return torch.arange(schema.count) < counts[:, None]
