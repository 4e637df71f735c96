"""Solids that a figure is made of, and rotations: x to the figure's left, y up, z forward out of the chest."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from posekit.sample import Floats

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

Color = tuple[float, float, float]
Widths = tuple[float, float, float, float]


def turn_x(angle: float) -> Matrix:
    """(3, 3) rotation that leans what points up (+y) forward (+z); `angle` in radians."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])


def turn_y(angle: float) -> Matrix:
    """(3, 3) rotation that turns what points forward (+z) to the figure's left (+x); `angle` in radians."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def turn_z(angle: float) -> Matrix:
    """(3, 3) rotation that swings what hangs down (-y) to the figure's left (+x); `angle` in radians."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def unit(vector: Vector) -> Vector:
    """Return `vector` (3,) at length 1."""
    return vector / math.sqrt(float(vector @ vector))


def between(start: Vector, end: Vector, share: float) -> Vector:
    """Return the point (3,) at `share` (0 to 1) of the way from `start` to `end`."""
    return start + (end - start) * share


@dataclass(frozen=True, kw_only=True)
class View:
    """Orthographic projection of one figure's body frame into the picture.

    Attributes:
        yaw: 0 faces the camera, pi shows the back, pi/2 faces the picture's right; radians.
        pitch: how far the camera looks down on the figure; radians.
        roll: tilt of the camera; radians.
        scale: pixels per body unit.
        x, y: picture position in pixels of the body frame's origin (the ground under the figure).
    """

    yaw: float
    pitch: float
    roll: float
    scale: float
    x: float
    y: float
    turn: Matrix = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Rows of the result: picture x (right), picture y (down), depth (away from the camera).
        axes = np.diag((1.0, -1.0, -1.0))
        object.__setattr__(self, "turn", axes @ turn_z(self.roll) @ turn_x(self.pitch) @ turn_y(self.yaw))

    def project(self, points: Vector) -> Vector:
        """Return (..., 3) picture x, picture y and depth in pixels for body points (..., 3).

        Pixel (row, column) covers x in [column, column + 1), y in [row, row + 1). Smaller depth is nearer.
        """
        turned: Vector = points @ self.turn.T * self.scale + np.array([self.x, self.y, 0.0])
        return turned

    def direct(self, vector: Vector) -> Vector:
        """Return a body direction (3,) in the camera's axes (right, down, away)."""
        return self.turn @ vector


@dataclass(frozen=True, kw_only=True)
class Paint:
    """Surface of a part: BGR colours in 0..255, and "plain" or a name in `PATTERNS`, repeated along the part."""

    base: Color
    second: Color = (0.0, 0.0, 0.0)
    pattern: str = "plain"
    repeats: float = 6.0


@dataclass(frozen=True, kw_only=True)
class Part:
    """A tapered capsule with an elliptic section, in the figure's body frame and units.

    Attributes:
        start, end: (3,) ends of the axis.
        side: (3,) unit direction in which `widths` are measured; any for a round part.
        widths: half-widths at 0, 1/3, 2/3 and 1 of the axis.
        flat: half-depth (across the axis and `side`) as a share of the half-width.
        cap: how far the rounded start reaches beyond the axis, as a share of the half-width.
        end_cap: the same of the end; None for as far as the start.
        paint: the surface.
    """

    start: Vector
    end: Vector
    side: Vector
    widths: Widths
    paint: Paint
    flat: float = 1.0
    cap: float = 1.0
    end_cap: float | None = None


def clothed(part: Part, paint: Paint, ease: float) -> Part:
    """Return `part` wrapped in cloth: `ease` wider all round, in body units."""
    w0, w1, w2, w3 = (width + ease for width in part.widths)
    return replace(part, widths=(w0, w1, w2, w3), paint=paint)


def shortened(part: Part, share: float) -> Part:
    """Return the first `share` (0 to 1) of `part`, closed by a flat end such as a hem."""
    w0, w1, w2, w3 = part.widths
    middle = share * 3

    def at(position: float) -> float:
        stops = (w0, w1, w2, w3, w3)
        index = min(int(position), 2)
        return stops[index] + (stops[index + 1] - stops[index]) * (position - index)

    widths = (w0, at(middle / 3), at(2 * middle / 3), at(middle))
    return replace(part, end=part.start + (part.end - part.start) * share, widths=widths, end_cap=0.2)


def _where(condition: NDArray[np.bool_]) -> Floats:
    return np.asarray(condition, np.float32)


def _along(t: Floats, u: Floats, repeats: float) -> Floats:
    return _where(np.sin(t * (2 * math.pi * repeats)) > 0)


def _across(t: Floats, u: Floats, repeats: float) -> Floats:
    return _where(np.sin(u * (math.pi * repeats)) > 0)


def _checks(t: Floats, u: Floats, repeats: float) -> Floats:
    return np.asarray(0.5 * (_along(t, u, repeats) + _across(t, u, repeats)), np.float32)


def _dots(t: Floats, u: Floats, repeats: float) -> Floats:
    return _where(np.sin(t * (2 * math.pi * repeats)) * np.sin(u * (math.pi * repeats)) > 0.55)


# Each takes t in [0, 1] along the part and u in [-1, 1] across it, (h, w) float32, and returns the weight
# of the second colour, (h, w) float32 in [0, 1].
PATTERNS: dict[str, Callable[[Floats, Floats, float], Floats]] = {
    "along": _along,
    "across": _across,
    "checks": _checks,
    "dots": _dots,
    "blocks": lambda t, u, repeats: _where(t > 0.45),
    "fade": lambda t, u, repeats: t,
    "band": lambda t, u, repeats: _where(np.abs(t - 0.4) < 0.12),
    "open_front": lambda t, u, repeats: _where(np.abs(u) < 0.12 + 0.14 * t),
    "emblem": lambda t, u, repeats: _where((t - 0.45) ** 2 * 4 + u * u < 0.11),
}
