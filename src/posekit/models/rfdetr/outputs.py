"""What a network returns.

B pictures, Q queries (in training those of all groups, one group after the other), C class rows, K keypoints.
"""

from typing import NamedTuple

from torch import Tensor


class Predictions(NamedTuple):
    """What one layer says of every query.

    Attributes:
        logits: (B, Q, C) of classes; each class stands for itself.
        boxes: (B, Q, 4) centre x, centre y, width, height as fractions of the picture.
        keypoints: (B, Q, K, 3) of a pose head, x, y as fractions of the picture and a visibility logit;
            (B, Q, slots * K, 8) of the keypoint preview (see `preview.channels`); None without keypoints.
    """

    logits: Tensor
    boxes: Tensor
    keypoints: Tensor | None = None


class Outputs(NamedTuple):
    """What the layers say.

    Attributes:
        last: predictions of the last layer.
        auxiliary: those of the other layers, first layer first; empty where nothing is to be learned.
        encoder: those of the selected cells, before the decoder; None where nothing is to be learned.
        groups: sets of queries that were asked.
    """

    last: Predictions
    auxiliary: tuple[Predictions, ...] = ()
    encoder: Predictions | None = None
    groups: int = 1
