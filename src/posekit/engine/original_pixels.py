"""Detections moved back into the pixels of their picture."""

import numpy as np
import torch
from torch import Tensor

from posekit.metrics.picture import Found
from posekit.ops.boxes import boxes_to_original, points_to_original
from posekit.ops.letterbox import Letterbox
from posekit.ops.masks import letterboxed_to_original
from posekit.results import Results
from posekit.schema import KeypointSchema


def results_of(
    found: Found, path: str, letterbox: Letterbox, names: dict[int, str], schema: KeypointSchema | None
) -> Results:
    """Return detections as `Results` in pixels of the original picture; its own pixels are left blank.

    Args:
        found: detections in pixels of the network input, with masks of its size.
        path: the picture.
        letterbox: how it was placed.
        names: class names.
        schema: the keypoints.
    """
    corners = boxes_to_original(torch.from_numpy(found.boxes), letterbox)
    columns = (torch.from_numpy(found.scores), torch.from_numpy(found.classes).float())
    points = None if found.keypoints is None else points_to_original(torch.from_numpy(found.keypoints), letterbox)
    return Results(
        orig_img=np.broadcast_to(np.zeros(3, np.uint8), (*letterbox.original, 3)),
        path=path,
        names=names,
        boxes=torch.cat((corners, *(column[:, None] for column in columns)), 1),
        masks=_masks(found, letterbox),
        keypoints=points,
        schema=schema,
    )


def _masks(found: Found, letterbox: Letterbox) -> Tensor | None:
    """Return (N, h, w) uint8 over the original picture; None without masks."""
    if found.masks is None:
        return None
    stack = torch.from_numpy(found.masks).float()
    return letterboxed_to_original(stack, letterbox).gt(0.5).to(torch.uint8)
