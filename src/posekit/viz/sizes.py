"""How thick and large things are drawn, by the size of the picture and of the object."""

import numpy as np
from numpy.typing import NDArray

# The picture side at which `kpt_radius` is meant literally.
NOMINAL_SIDE = 1000
# Dots shrink no further than to this share of it in small pictures.
SMALL_PICTURE = 0.7
# Dots of a small object shrink to this share of its size, so that they do not cover it.
RADIUS_PER_SIZE = 0.022
SMALLEST_RADIUS = 1.5
# Crowded dots take up to this share of the distance to their nearest neighbour.
RADIUS_PER_GAP = 0.42
FONT_PER_SIDE = 0.024
SMALLEST_FONT = 9
# Labels of small objects shrink too, down to the least height that can be read.
FONT_PER_OBJECT = 0.13
SMALLEST_OBJECT_FONT = 8


def line_width_for(height: int, width: int) -> int:
    """Return the width of box lines, pixels: 3 in 1000, at least 2."""
    return max(round((height + width + 3) / 2 * 0.003), 2)


def font_size_for(height: int, width: int) -> int:
    """Return the height of label text, pixels."""
    return max(round((height + width) / 2 * FONT_PER_SIDE), SMALLEST_FONT)


def object_font_sizes(largest: int, boxes: NDArray[np.float32]) -> list[int]:
    """Return the height of each label, pixels, for (N, 4) corners: `largest`, smaller for small boxes."""
    longer_side = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    wanted = (longer_side * FONT_PER_OBJECT).clip(min(SMALLEST_OBJECT_FONT, largest), largest)
    sizes: list[int] = wanted.round().astype(int).tolist()
    return sizes


def picture_radius(kpt_radius: float, height: int, width: int) -> float:
    """Return the radius of keypoint dots on a large object, pixels."""
    return kpt_radius * max((height + width) / 2 / NOMINAL_SIDE, SMALL_PICTURE)


def limb_radius(largest: float, points: NDArray[np.float32]) -> float:
    """Return half the nominal width of an object's joints, pixels: `largest`, smaller for small objects.

    Args:
        largest: radius in this picture for a large object.
        points: (P, 2) x, y of the points that are drawn.
    """
    size = float(np.hypot(*np.ptp(points, axis=0)))
    return min(largest, max(size * RADIUS_PER_SIZE, SMALLEST_RADIUS)) if size > 0 else largest


def dot_radii(largest: float, points: NDArray[np.float32]) -> list[float]:
    """Return the radius of each dot, pixels: `largest`, smaller where points crowd, so that dots stay apart.

    Args:
        largest: radius of a dot that stands alone.
        points: (P, 2) x, y of the points that are drawn.
    """
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    gaps[gaps < 1] = np.inf  # the point itself, and points on the same pixel
    wanted: list[float] = (gaps.min(axis=1) * RADIUS_PER_GAP).clip(min(SMALLEST_RADIUS, largest), largest).tolist()
    return wanted
