"""Rasteriser: draws the parts of one figure into a layer of colour, coverage and depth."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posekit.data.figures.outline import Light, Outline, outline_parts
from posekit.data.figures.part import Paint, Part
from posekit.data.figures.patterns import PATTERNS
from posekit.data.figures.view import View
from posekit.sample import Floats


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One figure drawn alone, on the window of the picture that it touches.

    Attributes:
        left, top: picture position of the window's first pixel.
        color: (4, h, w) float32: BGR in 0..255 times coverage, and coverage in 0..1.
        depth: (h, w) float32 depth of the nearest surface in pixels; infinite where the figure is not.
    """

    left: int
    top: int
    color: Floats
    depth: Floats

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(h, w) bool: pixels whose centre lies on the figure."""
        return np.isfinite(self.depth)

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the picture that the layer covers."""
        height, width = self.depth.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def draw_layer(parts: Sequence[Part], view: View, light: Light, size: tuple[int, int]) -> Layer | None:
    """Draw the parts of a figure, far ones first, each pixel keeping the nearest surface.

    Args:
        parts: the figure in its body frame.
        view: where and how it is seen.
        light: the scene's light.
        size: (H, W) of the picture.

    Returns:
        The layer, or None when the figure lies outside the picture.
    """
    outlines = outline_parts(parts, view, light)
    if not outlines:
        return None
    extents = np.array([outline.extent for outline in outlines])
    left, top = np.maximum(np.floor(extents[:, :2].min(0)).astype(int), 0).tolist()
    right, bottom = np.minimum(np.ceil(extents[:, 2:].max(0)).astype(int), (size[1], size[0])).tolist()
    if right <= left or bottom <= top:
        return None
    layer = Layer(
        left=left,
        top=top,
        color=np.zeros((4, bottom - top, right - left), np.float32),
        depth=np.full((bottom - top, right - left), np.inf, np.float32),
    )
    for outline in outlines:
        _draw(layer, outline, light.ambient)
    return layer


def _draw(layer: Layer, outline: Outline, ambient: float) -> None:
    window = _window(layer, outline)
    if window is None:
        return
    t, u, over, width = _surface(layer, outline, window)
    first, last = outline.caps
    cap = first if first == last else np.where(over > 0, np.float32(last), np.float32(first))
    rim = width * np.where(over == 0, np.float32(outline.wide), cap)
    over /= width * cap
    square = u * u + over * over
    # Coverage of a pixel, from the distance of its centre to the rim.
    cover = np.minimum(np.maximum((1 - np.sqrt(square)) * rim + 0.5, 0), 1)
    bulge = np.sqrt(np.maximum(1 - square, 0))
    depth = outline.drop * t + outline.start[2]
    depth -= width * (outline.deep * bulge + outline.shear * u)
    nearer = depth < layer.depth[window]
    cover *= nearer
    lit = np.maximum(u * outline.lit[0] + bulge * outline.lit[1] + over * outline.lit[2], 0) + ambient
    _blend(layer.color[:, window[0], window[1]], outline.paint, lit, cover, t, u * outline.handed)
    np.copyto(layer.depth[window], depth, where=nearer & (square < 1))


def _window(layer: Layer, outline: Outline) -> tuple[slice, slice] | None:
    """Rows and columns of the layer that the outline touches; None when there are none."""
    x1, y1, x2, y2 = outline.extent
    rows, columns = layer.depth.shape
    left, right = max(math.floor(x1) - layer.left, 0), min(math.ceil(x2) - layer.left, columns)
    top, bottom = max(math.floor(y1) - layer.top, 0), min(math.ceil(y2) - layer.top, rows)
    return (slice(top, bottom), slice(left, right)) if right > left and bottom > top else None


def _surface(layer: Layer, outline: Outline, window: tuple[slice, slice]) -> tuple[Floats, Floats, Floats, Floats]:
    """Where each pixel centre of the window lies on the part, (h, w) each.

    Returns:
        t from 0 at the axis start to 1 at its end; u from -1 to 1 across; pixels beyond the start
        (negative) or the end (positive); the half-width of the profile at t in pixels.
    """
    rows, columns = window
    x = np.arange(columns.start, columns.stop, dtype=np.float32) + np.float32(layer.left + 0.5 - outline.start[0])
    y = np.arange(rows.start, rows.stop, dtype=np.float32) + np.float32(layer.top + 0.5 - outline.start[1])
    dx, dy = np.float32(outline.along[0]), np.float32(outline.along[1])
    lengthwise = x * dx + (y * dy)[:, None]
    inner = np.minimum(np.maximum(lengthwise, np.float32(0)), np.float32(outline.length))
    t = inner * np.float32(1 / max(outline.length, 1e-6))
    a, b, c, d = (np.float32(value) for value in outline.profile)
    width = ((d * t + c) * t + b) * t + a
    u = ((y * dx)[:, None] - x * dy) / (width * np.float32(outline.wide))
    return t, u, lengthwise - inner, width


def _blend(target: Floats, paint: Paint, lit: Floats, cover: Floats, t: Floats, u: Floats) -> None:
    """Lay the lit paint over `target` (4, h, w) by `cover` (h, w), in place."""
    weight = None if paint.pattern == "plain" else PATTERNS[paint.pattern](t, u, paint.repeats)
    target *= 1 - cover
    lit *= cover
    for plane, base, second in zip(target[:3], paint.base, paint.second, strict=True):
        plane += lit * base if weight is None else lit * (base + (second - base) * weight)
    target[3] += cover
