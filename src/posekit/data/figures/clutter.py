"""Clutter: the things, none of them a person, that stand and hang in the background."""

from collections.abc import Callable

import cv2
import numpy as np

from posekit.data.figures.boxes3d import SUBPIXEL_BITS, draw_box, fill_polygon, fixed_point
from posekit.data.figures.textures import random_color
from posekit.data.figures.vectors import Vector
from posekit.data.figures.view import View
from posekit.sample import Floats, Picture

Rng = np.random.Generator


def draw_clutter(rng: Rng, picture: Picture, count: int, horizon: float) -> None:
    """Draw `count` random things in place, standing on or hanging above the `horizon` (a pixel row)."""
    for _ in range(count):
        THINGS[int(rng.integers(len(THINGS)))](rng, picture, horizon)


def _spot(rng: Rng, picture: Picture, horizon: float) -> tuple[float, float, float]:
    """Return x and y of a place on the floor, and the unit of size there, in pixels."""
    height, width = picture.shape[:2]
    share = rng.uniform(0, 1) ** 2
    y = horizon + share * (height - horizon)
    return rng.uniform(-0.05, 1.05) * width, y, (0.25 + 0.75 * share) * min(height, width)


def _furniture(rng: Rng, picture: Picture, horizon: float) -> None:
    x, y, unit = _spot(rng, picture, horizon)
    view = View(yaw=rng.uniform(-0.8, 0.8), pitch=rng.uniform(0.1, 0.4), roll=0.0, scale=unit, x=x, y=y)
    half = np.array([rng.uniform(0.06, 0.35), rng.uniform(0.1, 0.6), rng.uniform(0.06, 0.25)])
    color = random_color(rng)
    draw_box(picture, view, half * (-1, 0, -1), half, color)
    shelves = int(rng.integers(0, 4))
    for level in np.linspace(0, 1, shelves + 2)[1:-1]:
        line = np.array([[-half[0], half[1] * level, half[2]], [half[0], half[1] * level, half[2]]])
        _line(picture, view.project(line)[:, :2], max(unit * 0.01, 1), color * np.float32(0.55))


def _table(rng: Rng, picture: Picture, horizon: float) -> None:
    x, y, unit = _spot(rng, picture, horizon)
    view = View(yaw=rng.uniform(-0.8, 0.8), pitch=rng.uniform(0.1, 0.35), roll=0.0, scale=unit, x=x, y=y)
    wide, high, deep = rng.uniform(0.15, 0.45), rng.uniform(0.25, 0.5), rng.uniform(0.1, 0.25)
    color = random_color(rng)
    leg = np.array([0.02, 0.0, 0.02])
    for sx, sz in ((-1, -1), (1, -1), (-1, 1), (1, 1)):
        foot = np.array([sx * wide * 0.9, 0.0, sz * deep * 0.9])
        draw_box(picture, view, foot - leg, foot + leg + (0, high, 0), color * np.float32(0.75))
    draw_box(picture, view, np.array([-wide, high, -deep]), np.array([wide, high + 0.04, deep]), color)


def _line(picture: Picture, ends: Vector, width: float, color: Floats) -> None:
    (x0, y0), (x1, y1) = fixed_point(ends).tolist()
    cv2.line(picture, (x0, y0), (x1, y1), color.tolist(), max(round(width), 1), cv2.LINE_AA, SUBPIXEL_BITS)


def _disc(picture: Picture, x: float, y: float, radii: tuple[float, float], color: Floats) -> None:
    (center,) = fixed_point(np.array([[x, y]])).tolist()
    axes = tuple(round(max(radius, 0.5) * (1 << SUBPIXEL_BITS)) for radius in radii)
    cv2.ellipse(picture, center, axes, 0, 0, 360, color.tolist(), -1, cv2.LINE_AA, SUBPIXEL_BITS)


def _pole(rng: Rng, picture: Picture, horizon: float) -> None:
    """A lamp post or a hat stand: as slim and as tall as a person."""
    x, y, unit = _spot(rng, picture, horizon)
    high, color = rng.uniform(0.5, 1.4) * unit, random_color(rng)
    width = unit * rng.uniform(0.012, 0.05)
    _line(picture, np.array([[x, y], [x, y - high]]), width, color)
    if rng.random() < 0.6:
        radius = unit * rng.uniform(0.03, 0.09)
        _disc(picture, x, y - high, (radius, radius * rng.uniform(0.7, 1.3)), random_color(rng))


def _tree(rng: Rng, picture: Picture, horizon: float) -> None:
    x, y, unit = _spot(rng, picture, horizon)
    high = rng.uniform(0.4, 1.0) * unit
    _line(picture, np.array([[x, y], [x, y - high]]), unit * 0.06, np.array([40, 60, 80], np.float32))
    crown = np.array([rng.uniform(20, 70), rng.uniform(70, 140), rng.uniform(30, 90)])
    for _ in range(6):
        radius = unit * rng.uniform(0.08, 0.2)
        place = rng.normal(0, 0.12 * unit, 2)
        tone = (crown * rng.uniform(0.7, 1.2)).astype(np.float32)
        _disc(picture, x + place[0], y - high + place[1], (radius, radius * 0.85), tone)


def _frame(rng: Rng, picture: Picture, horizon: float) -> None:
    """A window, poster or screen on the wall."""
    height, width = picture.shape[:2]
    centre = np.array([rng.uniform(0, 1) * width, rng.uniform(0.1, 0.9) * max(horizon, 0.3 * height)])
    half = rng.uniform(0.05, 0.2, 2) * min(height, width)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    fill_polygon(picture, centre + corners * half, random_color(rng))
    fill_polygon(picture, centre + corners * half * rng.uniform(0.75, 0.93), random_color(rng))
    if rng.random() < 0.5:
        _line(picture, centre + half * [[0, -1], [0, 1]], half[0] * 0.08, random_color(rng))


def _polygon(rng: Rng, picture: Picture, horizon: float) -> None:
    height, width = picture.shape[:2]
    corners = int(rng.integers(3, 7))
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    reach = rng.uniform(0.04, 0.3) * min(height, width) * rng.uniform(0.5, 1, corners)
    outline = np.stack([np.cos(angles) * reach, np.sin(angles) * reach], 1)
    fill_polygon(picture, rng.uniform(0, 1, 2) * (width, height) + outline, random_color(rng))


def _ball(rng: Rng, picture: Picture, horizon: float) -> None:
    x, y, unit = _spot(rng, picture, horizon)
    radius, color = unit * rng.uniform(0.03, 0.12), random_color(rng)
    for share, tone in ((1.0, 0.6), (0.85, 0.8), (0.6, 1.0), (0.3, 1.15)):
        shift = (1 - share) * 0.35 * radius
        tint = np.minimum(color * np.float32(tone), 255).astype(np.float32)
        _disc(picture, x - shift, y - radius - shift, (radius * share, radius * share), tint)


THINGS: tuple[Callable[[Rng, Picture, float], None], ...] = (
    _furniture, _furniture, _table, _pole, _pole, _tree, _frame, _frame, _polygon, _ball,
)  # fmt: skip
