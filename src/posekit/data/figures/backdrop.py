"""The background of a scene: wall or sky, floor, clutter and blur."""

import cv2
import numpy as np

from posekit.data.figures.clutter import draw_clutter
from posekit.data.figures.settings import SceneSettings
from posekit.data.figures.textures import FLOORS, WALLS
from posekit.sample import Picture


def make_backdrop(rng: np.random.Generator, settings: SceneSettings, horizon: float) -> Picture:
    """Return the (H, W, 3) uint8 BGR background of a scene whose floor begins at pixel row `horizon`."""
    picture = WALLS[int(rng.integers(len(WALLS)))](rng, settings.size)
    floor = FLOORS[int(rng.integers(len(FLOORS)))]
    row = round(horizon)
    # One scene in five has no visible edge between wall and floor.
    if rng.random() < 0.8 and settings.size[0] - row >= 2:
        picture[row:] = floor(rng, (settings.size[0] - row, settings.size[1]))
    low, high = settings.clutter
    draw_clutter(rng, picture, int(rng.integers(low, high + 1)), horizon)
    sigma = float(rng.choice([0.0, rng.uniform(0.001, 0.012)], p=[0.4, 0.6])) * min(settings.size)
    return blurred(picture, sigma)


def blurred(picture: Picture, sigma: float) -> Picture:
    """Return the picture under a Gaussian blur of `sigma` pixels; below 0.3 it is returned as it is."""
    if sigma < 0.3:
        return picture
    return cv2.GaussianBlur(picture, (0, 0), sigma).astype(np.uint8, copy=False)
