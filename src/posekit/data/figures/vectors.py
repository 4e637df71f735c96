"""Rotations about the body's axes: x to the figure's left, y up, z forward out of the chest."""

import math

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


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
