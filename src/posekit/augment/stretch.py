"""A picture, or a random crop of it, stretched to a square."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from posekit.augment.draw import Draw
from posekit.augment.geometry import move_objects, settle_objects
from posekit.augment.warp import warp_points
from posekit.sample import Sample


@dataclass(frozen=True, kw_only=True)
class Crops:
    """Random crops.

    Attributes:
        shorter_sides: pixels; the crop is as if the picture had been resized so that its shorter side is one of them.
        lengths: shortest and longest side of the crop in pixels of the resized picture.
    """

    shorter_sides: tuple[int, ...]
    lengths: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Region:
    """Part of a picture in its pixels: corner and size."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Stretches samples to squares, without keeping their proportions.

    Attributes:
        side: of the squares, pixels.
        crops: how regions are drawn.
        probability: of a crop; other pictures are taken whole.
    """

    side: int
    crops: Crops
    probability: float

    def __call__(self, sample: Sample, draw: Draw) -> Sample:
        """Return a sample of `side` x `side` pixels, with the objects of which enough is left."""
        if draw.happens(self.probability):
            return stretch_region(sample, draw_region(self.crops, sample.size, draw.rng), self.side)
        height, width = sample.size
        return stretch_region(sample, Region(left=0, top=0, width=width, height=height), self.side)


def draw_region(crops: Crops, size: tuple[int, int], rng: np.random.Generator) -> Region:
    """Draw a region of a picture of (h, w) pixels."""
    scale = int(rng.choice(crops.shorter_sides)) / min(size)
    shortest, longest = crops.lengths
    height, width = (min(round(int(rng.integers(shortest, longest + 1)) / scale), length) for length in size)
    top, left = int(rng.integers(size[0] - height + 1)), int(rng.integers(size[1] - width + 1))
    return Region(left=left, top=top, width=max(width, 1), height=max(height, 1))


def stretch_region(sample: Sample, region: Region, side: int) -> Sample:
    """Return a region of a sample as a picture of `side` x `side` pixels, with the objects of which enough is left."""
    across, down = side / region.width, side / region.height
    matrix = np.array(((across, 0, -region.left * across), (0, down, -region.top * down), (0, 0, 1)), np.float64)
    moved = move_objects(sample, lambda rows: warp_points(rows, matrix))
    part = sample.image[region.top : region.top + region.height, region.left : region.left + region.width]
    if part.shape[:2] != (side, side):
        part = np.asarray(cv2.resize(part, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)
    return settle_objects(replace(moved, image=part), moved.boxes)
