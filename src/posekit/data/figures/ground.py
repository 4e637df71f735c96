"""What ties figures to the ground: soft contact shadows, and seats under those who sit."""

from collections.abc import Sequence

import cv2
import numpy as np

from posekit.data.figures.boxes3d import draw_box
from posekit.data.figures.figure import Figure
from posekit.data.figures.outline import Light
from posekit.data.figures.textures import random_color
from posekit.sample import Picture

# Shadows are soft, so a quarter of the resolution is enough to draw them.
COARSE = 4
# Landmarks lower than this, in body units, cast the contact shadow.
NEAR_GROUND = 0.22


def draw_ground(rng: np.random.Generator, picture: Picture, figures: Sequence[Figure], light: Light) -> Picture:
    """Return the picture with seats and shadows of the figures on it; the figures are drawn later."""
    for figure in figures:
        seat_color = random_color(rng)
        if figure.pose.seated:
            _draw_seat(picture, figure, seat_color)
    return _shaded(picture, figures, light, strength=float(rng.uniform(0.2, 0.6)))


def _draw_seat(picture: Picture, figure: Figure, color: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
    body = figure.skeleton.proportions
    top = float(figure.skeleton.points["pelvis"][1]) - 0.075 * body.girth
    low, high = np.array([-0.15, 0.0, -0.14]), np.array([0.15, max(top, 0.02), 0.12])
    draw_box(picture, figure.view, low, high, color)


def _shaded(picture: Picture, figures: Sequence[Figure], light: Light, strength: float) -> Picture:
    height, width = picture.shape[:2]
    shape = (-(-height // COARSE), -(-width // COARSE))
    shadow = np.zeros(shape, np.float32)
    for figure in figures:
        _add_shadow(shadow, figure, light, strength)
    if not shadow.any():
        return picture
    shadow = cv2.GaussianBlur(shadow, (0, 0), max(0.012 * min(shape), 0.5))
    keep = 1 - cv2.resize(shadow, (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.multiply(picture, cv2.merge([keep, keep, keep]), dtype=cv2.CV_8U).astype(np.uint8, copy=False)


def _add_shadow(
    shadow: np.ndarray[tuple[int, ...], np.dtype[np.float32]], figure: Figure, light: Light, strength: float
) -> None:
    points = np.stack(list(figure.skeleton.points.values()))
    feet = points[points[:, 1] < points[:, 1].min() + NEAR_GROUND] * (1, 0, 1)
    spread = figure.view.project(feet)
    left, right = spread[:, 0].min(), spread[:, 0].max()
    reach = 0.07 * figure.view.scale
    # The shadow falls to the side away from the light.
    away = -0.1 * float(light.towards[0]) * figure.view.scale
    centre = np.array([(left + right) / 2 + away, spread[:, 1].mean() + 0.2 * reach]) / COARSE
    axes = np.array([(right - left) / 2 + reach, np.ptp(spread[:, 1]) / 2 + 0.45 * reach]) / COARSE
    lift = strength / (1 + 6 * figure.pose.lift)
    cv2.ellipse(
        shadow,
        tuple(np.rint(centre * 16).astype(int).tolist()),
        tuple(np.rint(axes * 16).astype(int).tolist()),
        0, 0, 360, lift, -1, cv2.LINE_8, 4,
    )  # fmt: skip
