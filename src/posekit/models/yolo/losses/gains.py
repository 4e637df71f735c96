"""How much each loss term counts."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LossGains:
    """Factors of the loss terms.

    Attributes:
        box: box overlap; masks and the semantic term, too.
        cls: classes.
        dfl: distances of box sides.
        pose: keypoint location.
        kobj: keypoint visibility.
        rle: residual log-likelihood of keypoints (YOLO26).
    """

    box: float = 7.5
    cls: float = 0.5
    dfl: float = 1.5
    pose: float = 12.0
    kobj: float = 1.0
    rle: float = 1.0
