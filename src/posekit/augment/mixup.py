"""MixUp: two pictures blended, with the objects of both."""

import cv2
import numpy as np

from posekit.augment.objects import join_objects
from posekit.errors import ShapeError
from posekit.sample import Sample

CONCENTRATION = 32.0  # of the beta distribution of the share: mostly near one half
# OpenCV rounds levels where the recipe cuts their fractions. A little less than one half, so that whole levels stay.
CUT_NOT_ROUND = -0.499


def draw_share(rng: np.random.Generator) -> float:
    """Draw the share of the first picture."""
    return float(rng.beta(CONCENTRATION, CONCENTRATION))


def mix_up(sample: Sample, partner: Sample, share: float) -> Sample:
    """Blend two pictures of the same size.

    Args:
        sample: the first; path and original size are its.
        partner: the second.
        share: of the first in the blend, 0 to 1.

    Raises:
        ShapeError: the sizes differ.
    """
    if sample.size != partner.size:
        raise ShapeError(f"MixUp blends pictures of one size, but these have {sample.size} and {partner.size} pixels")
    blend = cv2.addWeighted(sample.image, share, partner.image, 1 - share, CUT_NOT_ROUND)
    image = np.asarray(blend, np.uint8)
    return join_objects(image, (sample, partner))
