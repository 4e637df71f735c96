"""`Scene`: what is to be drawn on one picture, as plain arrays."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from posekit.schema import KeypointSchema

Picture = NDArray[np.uint8]
Color = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """N objects in pixels of the picture, best first.

    Attributes:
        color_numbers: (N,) one number per object that chooses its colour: class, track id or position.
        boxes: (N, 4) corners x1 y1 x2 y2; None to draw none.
        labels: N texts for the boxes; empty to write none.
        masks: (N, h, w) 0 or 1, letterboxed or at the size of the picture; None to tint none.
        keypoints: (N, K, 2) x y or (N, K, 3) x y confidence; None to draw none.
        schema: names and limbs of the keypoints; None draws dots only.
        one_color_poses: draw limbs in the colour of their object instead of the sides of the body.
    """

    color_numbers: NDArray[np.int64]
    boxes: NDArray[np.float32] | None = None
    labels: list[str] = field(default_factory=list)
    masks: NDArray[np.uint8] | None = None
    keypoints: NDArray[np.float32] | None = None
    schema: KeypointSchema | None = None
    one_color_poses: bool = False
