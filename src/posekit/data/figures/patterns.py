"""Cloth patterns, as functions of the position on a part's surface."""

import math
from collections.abc import Callable

import numpy as np

from posekit.sample import Floats


def _where(condition: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]") -> Floats:
    return np.asarray(condition, np.float32)


def _along(t: Floats, u: Floats, repeats: float) -> Floats:
    return _where(np.sin(t * (2 * math.pi * repeats)) > 0)


def _across(t: Floats, u: Floats, repeats: float) -> Floats:
    return _where(np.sin(u * (math.pi * repeats)) > 0)


def _checks(t: Floats, u: Floats, repeats: float) -> Floats:
    return np.asarray(0.5 * (_along(t, u, repeats) + _across(t, u, repeats)), np.float32)


def _dots(t: Floats, u: Floats, repeats: float) -> Floats:
    return _where(np.sin(t * (2 * math.pi * repeats)) * np.sin(u * (math.pi * repeats)) > 0.55)


def _blocks(t: Floats, u: Floats, repeats: float) -> Floats:
    return _where(t > 0.45)


def _fade(t: Floats, u: Floats, repeats: float) -> Floats:
    return t


def _band(t: Floats, u: Floats, repeats: float) -> Floats:
    return _where(np.abs(t - 0.4) < 0.12)


def _open_front(t: Floats, u: Floats, repeats: float) -> Floats:
    return _where(np.abs(u) < 0.12 + 0.14 * t)


def _emblem(t: Floats, u: Floats, repeats: float) -> Floats:
    return _where((t - 0.45) ** 2 * 4 + u * u < 0.11)


# Each takes t in [0, 1] along the part and u in [-1, 1] across it, (h, w) float32, and returns the weight
# of the second colour, (h, w) float32 in [0, 1].
PATTERNS: dict[str, Callable[[Floats, Floats, float], Floats]] = {
    "along": _along,
    "across": _across,
    "checks": _checks,
    "dots": _dots,
    "blocks": _blocks,
    "fade": _fade,
    "band": _band,
    "open_front": _open_front,
    "emblem": _emblem,
}
