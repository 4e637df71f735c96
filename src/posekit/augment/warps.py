"""Changes of one picture and its objects: affine maps, mirror images, stretched crops, and colours."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import cos, radians, sin, tan

import cv2
import numpy as np
from numpy.typing import NDArray

from posekit.augment.objects import Rows, move_objects, settle_objects
from posekit.config.settings import AugmentationSettings
from posekit.errors import SchemaError
from posekit.ops.letterbox import PADDING_GREY
from posekit.sample import Picture, Sample

Matrix = NDArray[np.float64]
Size = tuple[int, int]
FlipMap = Sequence[int]

# Points closer to the horizon of a perspective than this, or behind it, have no place in the picture.
NEAREST_TO_HORIZON = 1e-3
HUES = 180  # OpenCV's hue circle in bytes


@dataclass(frozen=True, kw_only=True)
class AffineParameters:
    """How a picture is placed in another; the defaults put its centre into the other's centre.

    Attributes:
        angle: rotation in degrees, counter-clockwise as seen.
        zoom: factor.
        shear: (along x, along y) in degrees.
        shift: where the centre goes, (x, y) as shares of the new picture.
        perspective: change of scale per pixel, (along x, along y).
    """

    angle: float = 0.0
    zoom: float = 1.0
    shear: tuple[float, float] = (0.0, 0.0)
    shift: tuple[float, float] = (0.5, 0.5)
    perspective: tuple[float, float] = (0.0, 0.0)


def happens(probability: float, rng: np.random.Generator) -> bool:
    """Draw whether something of this probability happens; nothing is drawn for what cannot happen."""
    return probability > 0 and rng.random() < probability


def draw_affine(settings: AugmentationSettings, rng: np.random.Generator) -> AffineParameters:
    """Draw parameters within the ranges of the settings."""
    low, high = settings.scale if isinstance(settings.scale, tuple) else (1 - settings.scale, 1 + settings.scale)
    return AffineParameters(
        perspective=_pair(rng, settings.perspective),
        angle=float(rng.uniform(-settings.degrees, settings.degrees)),
        zoom=float(rng.uniform(low, high)),
        shear=_draw_shear(settings.shear, rng),
        shift=_pair(rng, settings.translate, around=0.5),
    )


def affine_matrix(parameters: AffineParameters, source: Size, target: Size) -> Matrix:
    """Return the matrix (3, 3) from pixels of a picture `source` (h, w) to those of a picture `target` (h, w)."""
    centre, perspective, turn, shear, shift = (np.eye(3) for _ in range(5))
    centre[:2, 2] = -source[1] / 2, -source[0] / 2
    perspective[2, :2] = parameters.perspective
    angle = radians(parameters.angle)
    # Rows count downwards, so a turn that looks counter-clockwise has its minus below.
    turn[:2, :2] = parameters.zoom * np.array(((cos(angle), sin(angle)), (-sin(angle), cos(angle))))
    shear[0, 1], shear[1, 0] = (tan(radians(value)) for value in parameters.shear)
    shift[:2, 2] = parameters.shift[0] * target[1], parameters.shift[1] * target[0]
    matrix: Matrix = shift @ shear @ turn @ perspective @ centre
    return matrix


def _pair(rng: np.random.Generator, largest: float, around: float = 0.0) -> tuple[float, float]:
    x, y = rng.uniform(around - largest, around + largest, 2)
    return float(x), float(y)


def _draw_shear(largest: float, rng: np.random.Generator) -> tuple[float, float]:
    """Draw a shear that does not mirror: beyond 45 degrees along both axes left would become right."""
    while True:
        x, y = _pair(rng, largest)
        if tan(radians(x)) * tan(radians(y)) < 1:
            return x, y


def warp_sample(sample: Sample, matrix: Matrix, size: Size, *, zoom: float = 1.0) -> Sample:
    """Move a picture and its objects; those stay of which enough is left, see `settle_objects`.

    Args:
        sample: without masks.
        matrix: (3, 3) from its pixels to those of the result; a last row other than 0 0 1 is a perspective.
        size: (H, W) of the result; what the picture does not cover is grey.
        zoom: part of the matrix that is no loss: objects are compared with their former size times this.
    """
    moved = move_objects(sample, lambda rows: warp_points(rows, matrix))
    moved = replace(moved, image=warp_picture(sample.image, matrix, size))
    return settle_objects(moved, sample.boxes * np.float32(zoom))


def warp_points(rows: Rows, matrix: Matrix) -> Rows:
    """Return points (2, T) through a matrix (3, 3); NaN where a perspective sends them to its horizon or behind."""
    x, y, depth = (across * rows[0] + down * rows[1] + shift for across, down, shift in matrix.tolist())
    moved = np.stack((x, y))
    if not is_affine(matrix):
        moved /= np.where(depth < NEAREST_TO_HORIZON, np.nan, depth)
    return moved


def warp_picture(image: Picture, matrix: Matrix, size: Size) -> Picture:
    """Return the picture (h, w, 3) through a matrix in the size (H, W), bilinear, grey where it does not reach."""
    if image.shape[:2] == size and np.array_equal(matrix, np.eye(3)):
        return image
    border = (PADDING_GREY,) * 3
    if is_affine(matrix):
        return np.asarray(cv2.warpAffine(image, matrix[:2], size[::-1], borderValue=border), np.uint8)
    return np.asarray(cv2.warpPerspective(image, matrix, size[::-1], borderValue=border), np.uint8)


def is_affine(matrix: Matrix) -> bool:
    """Tell whether a matrix (3, 3) keeps parallels."""
    return np.array_equal(matrix[2], (0, 0, 1))


def flip_left_right(sample: Sample, flip_idx: FlipMap | None) -> Sample:
    """Mirror a picture and its objects: x becomes W - x.

    Args:
        sample: without masks.
        flip_idx: for each of K keypoints the one whose place it takes; None only without keypoints.
    """
    width = sample.size[1]
    moved = move_objects(sample, lambda rows: np.stack((width - rows[0], rows[1])))
    return replace(swap_keypoints(moved, flip_idx), image=np.asarray(cv2.flip(sample.image, 1), np.uint8))


def flip_up_down(sample: Sample, flip_idx_ud: FlipMap | None) -> Sample:
    """Turn a picture and its objects upside down: y becomes H - y; otherwise as `flip_left_right`."""
    height = sample.size[0]
    moved = move_objects(sample, lambda rows: np.stack((rows[0], height - rows[1])))
    return replace(swap_keypoints(moved, flip_idx_ud), image=np.asarray(cv2.flip(sample.image, 0), np.uint8))


def swap_keypoints(sample: Sample, flip_map: FlipMap | None) -> Sample:
    """Return the sample with keypoint i taken from `flip_map[i]`, visibility included, for all objects.

    Raises:
        SchemaError: there are keypoints, but no map: left would become right.
    """
    if sample.keypoints is None:
        return sample
    if flip_map is None:
        raise SchemaError("keypoints cannot be mirrored without a flip map, left would become right: give flip_idx")
    return replace(sample, keypoints=sample.keypoints[:, list(flip_map)])


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

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Return a sample of `side` x `side` pixels, with the objects of which enough is left."""
        if happens(self.probability, rng):
            return stretch_region(sample, draw_region(self.crops, sample.size, rng), self.side)
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


def draw_colour_gains(settings: AugmentationSettings, rng: np.random.Generator) -> tuple[float, float, float]:
    """Draw the changes of hue, saturation and brightness, each from minus to plus its setting."""
    hue, saturation, value = rng.uniform(-1, 1, 3) * (settings.hsv_h, settings.hsv_s, settings.hsv_v)
    return float(hue), float(saturation), float(value)


def change_colours(sample: Sample, gains: tuple[float, float, float]) -> Sample:
    """Return the sample with its picture's colours changed; see `shift_colours`."""
    return replace(sample, image=shift_colours(sample.image, gains)) if any(gains) else sample


def shift_colours(image: Picture, gains: tuple[float, float, float]) -> Picture:
    """Return the picture with its hue turned by a share of the circle, saturation and brightness scaled by 1 + gain."""
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    hsv = cv2.LUT(hsv, _tables(gains), dst=hsv)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR, dst=hsv), np.uint8)


def _tables(gains: tuple[float, float, float]) -> NDArray[np.uint8]:
    """Return (1, 256, 3): for each byte of hue, saturation and brightness what it becomes, fractions cut off."""
    levels = np.arange(256, dtype=np.float64)
    hue = (levels + HUES * gains[0]) % HUES
    saturation, value = ((levels * (1 + gain)).clip(0, 255) for gain in gains[1:])
    return np.stack((hue, saturation, value), -1).astype(np.uint8)[None]
