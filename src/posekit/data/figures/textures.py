"""Textures that fill walls, floors and skies: gradients, cloudy noise, stripes, tiles, bricks."""

from collections.abc import Callable

import cv2
import numpy as np

from posekit.sample import Floats, Picture

Rng = np.random.Generator
Size = tuple[int, int]
Texture = Callable[[Rng, Size], Picture]


def random_color(rng: Rng) -> Floats:
    """Return one BGR colour (3,) in 0..255: greyish more often than bright."""
    grey = rng.uniform(25, 235)
    return np.clip(grey + rng.normal(0, rng.choice([6, 14, 34]), 3), 5, 250).astype(np.float32)


def two_colors(rng: Rng) -> tuple[Floats, Floats]:
    """Return two related BGR colours (3,)."""
    first = random_color(rng)
    second = np.clip(first * rng.uniform(0.6, 1.45) + rng.normal(0, 18, 3), 5, 250)
    return first, second.astype(np.float32)


def mix(weight: Floats, first: Floats, second: Floats) -> Picture:
    """Return the (H, W, 3) uint8 blend of two BGR colours by a weight (H, W) in [0, 1]."""
    level = np.clip(weight * 255, 0, 255).astype(np.uint8)
    ramp = np.linspace(first, second, 256).astype(np.uint8)
    table = ramp.reshape(256, 1, 3)
    return cv2.LUT(cv2.merge([level, level, level]), table).astype(np.uint8, copy=False)


def _grid(size: Size) -> tuple[Floats, Floats]:
    """Return x (1, W) and y (H, 1), pixel centres in units of the smaller side."""
    height, width = size
    unit = np.float32(1 / min(height, width))
    x = (np.arange(width, dtype=np.float32) + 0.5) * unit
    y = (np.arange(height, dtype=np.float32) + 0.5) * unit
    return x[None], y[:, None]


def plain(rng: Rng, size: Size) -> Picture:
    """One colour."""
    return np.full((*size, 3), random_color(rng), np.uint8)


def gradient(rng: Rng, size: Size) -> Picture:
    """A slope between two colours in any direction."""
    x, y = _grid(size)
    angle = rng.uniform(0, 2 * np.pi)
    slope = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))
    return mix((slope - slope.min()) / max(float(np.ptp(slope)), 1e-6), *two_colors(rng))


def clouds(rng: Rng, size: Size) -> Picture:
    """Noise of several scales, smooth to rough."""
    height, width = size
    field = np.zeros(size, np.float32)
    strength, cells = 1.0, float(rng.uniform(2, 6))
    roughness = rng.uniform(0.4, 0.8)
    for _ in range(4):
        rows, columns = (max(round(cells * side / min(size)), 2) for side in size)
        octave = rng.uniform(-1, 1, (rows, columns)).astype(np.float32)
        field += np.float32(strength) * cv2.resize(octave, (width, height), interpolation=cv2.INTER_LINEAR)
        strength, cells = strength * roughness, cells * 2.6
    return mix(field * np.float32(0.35) + np.float32(0.5), *two_colors(rng))


def stripes(rng: Rng, size: Size) -> Picture:
    """Parallel stripes, hard or soft."""
    x, y = _grid(size)
    angle = rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)])
    waves = np.float32(2 * np.pi * rng.uniform(3, 16))
    wave = np.sin((x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))) * waves)
    return mix(wave * np.float32(rng.choice([0.5, 4])) + np.float32(0.5), *two_colors(rng))


def tiles(rng: Rng, size: Size) -> Picture:
    """A chequered or grouted grid."""
    x, y = _grid(size)
    cells = rng.uniform(3, 12)
    columns, rows = x * np.float32(cells), y * np.float32(cells * rng.choice([1, 1.6]))
    if rng.random() < 0.5:
        return mix(((np.floor(columns) + np.floor(rows)) % 2).astype(np.float32), *two_colors(rng))
    joint = np.float32(rng.uniform(0.03, 0.1))
    return mix(((columns % 1 < joint) | (rows % 1 < joint)).astype(np.float32), *two_colors(rng))


def bricks(rng: Rng, size: Size) -> Picture:
    """Rows of bricks, each row shifted by half a brick."""
    x, y = _grid(size)
    rows = y * np.float32(rng.uniform(7, 18))
    columns = x * np.float32(rng.uniform(3, 7)) + (np.floor(rows) % 2) * np.float32(0.5)
    return mix(((columns % 1 < 0.06) | (rows % 1 < 0.13)).astype(np.float32), *two_colors(rng))


def planks(rng: Rng, size: Size) -> Picture:
    """A floor of boards or slabs that run towards a vanishing point at the top edge."""
    x, y = _grid(size)
    distance = 1 / (y + np.float32(0.12))
    across = (x - np.float32(rng.uniform(0, size[1] / min(size)))) * distance * np.float32(rng.uniform(1, 4))
    along = np.log(distance) * np.float32(rng.uniform(2, 6))
    if rng.random() < 0.4:
        return mix(((np.floor(across) + np.floor(along)) % 2).astype(np.float32), *two_colors(rng))
    shade = np.sin(np.floor(across) * np.float32(12.9)) * np.float32(0.5) + np.float32(0.5)
    return mix(np.broadcast_to(shade, size) * (across % 1 > 0.05), *two_colors(rng))


WALLS: tuple[Texture, ...] = (plain, gradient, gradient, clouds, clouds, stripes, tiles, bricks)
FLOORS: tuple[Texture, ...] = (plain, gradient, clouds, clouds, planks, planks, tiles)
