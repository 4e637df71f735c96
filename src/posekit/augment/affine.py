"""Random rotation, zoom, shear, shift and perspective: drawn, and as a matrix."""

from dataclasses import dataclass
from math import cos, radians, sin, tan

import numpy as np
from numpy.typing import NDArray

from posekit.config.augmentation import AugmentationSettings

Matrix = NDArray[np.float64]
Size = tuple[int, int]


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
