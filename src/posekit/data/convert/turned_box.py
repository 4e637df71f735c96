"""Upright boxes around turned ones."""

import math

import numpy as np

from posekit.data.annotation import Box


def extent_of_turned_box(box: Box, degrees: float, *, around: tuple[float, float]) -> Box:
    """Return the smallest upright box around a turned one.

    Args:
        box: corners x1, y1, x2, y2 in pixels before turning.
        degrees: clockwise as seen in the picture.
        around: x, y that stays where it is.
    """
    if degrees % 360 == 0:
        return box
    x1, y1, x2, y2 = box
    corners = np.array(((x1, y1), (x2, y1), (x2, y2), (x1, y2))) - around
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    # y points down, so that this matrix turns clockwise in the picture.
    turned = corners @ np.array(((cosine, sine), (-sine, cosine))) + around
    (left, top), (right, bottom) = turned.min(0).tolist(), turned.max(0).tolist()
    return left, top, right, bottom
