"""Rasteriser: draws the parts of one figure into a layer of colour, coverage and depth."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from posekit.data.figures.body import Skeleton
from posekit.data.figures.solids import PATTERNS, Matrix, Paint, Part, Vector, View, unit
from posekit.sample import Floats
from posekit.schema.schema import COCO_PERSON

# Parts thinner than this many pixels cannot be seen and are left out.
THINNEST = 0.4

# The cubic through four values at 0, 1/3, 2/3 and 1: coefficients of 1, t, t^2, t^3.
CUBIC = np.array([[2, 0, 0, 0], [-11, 18, -9, 2], [18, -45, 36, -9], [-9, 27, -27, 9]]) / 2

Keypoints = NDArray[np.float32]

# How far, in body units, a body's own surface may lie in front of a joint that still counts as seen:
# the flesh and cloth around that joint, but not a limb or the trunk before it.
COVER = {
    "nose": 0.024, "eye": 0.022, "ear": 0.034, "shoulder": 0.085, "elbow": 0.052, "wrist": 0.045,
    "hip": 0.115, "knee": 0.07, "ankle": 0.06,
}  # fmt: skip
FACE = 5

# A point of the face is turned away when its direction from the head's centre points from the camera by more
# than this (the sine of 20 degrees): an ear seen from the front, under hair, is hidden but not turned away.
TURNED_AWAY = 0.35


@dataclass(frozen=True, kw_only=True)
class Light:
    """One distant light: `towards` it points a unit vector (3,) in camera axes (right, down, away).

    `ambient` is the share of the colour that is seen without it, `strength` what it adds where it falls straight.
    """

    towards: Vector
    ambient: float
    strength: float


class Outline(NamedTuple):
    """One part in the picture; lengths in pixels, plain floats so that float32 arrays stay float32.

    Attributes:
        start: x, y and depth of the axis start.
        along: unit picture direction x, y of the axis.
        length: of the axis in the picture.
        drop: depth gained from start to end.
        profile: half-width along the part's side, as the coefficients of 1, t, t^2, t^3.
        wide: half-width in the picture, as a share of the profile.
        deep: half-depth towards the camera, as a share of the profile.
        shear: depth lost from the middle to the rim, as a share of the profile.
        caps: reach of the rounded start and end, as a share of the profile.
        lit: light on a surface that faces across the axis, towards the camera, along the axis.
        handed: -1.0 when the part's side runs against the direction across, else 1.0.
        extent: x1, y1, x2, y2 of a box around the part, soft rim included.
        paint: the surface.
    """

    start: tuple[float, float, float]
    along: tuple[float, float]
    length: float
    drop: float
    profile: tuple[float, float, float, float]
    wide: float
    deep: float
    shear: float
    caps: tuple[float, float]
    lit: tuple[float, float, float]
    handed: float
    extent: tuple[float, float, float, float]
    paint: Paint


def _outline_parts(parts: Sequence[Part], view: View, light: Light) -> list[Outline]:
    """Return the outlines of parts that are thick enough to be seen, from far to near."""
    ends = view.project(np.array([(part.start, part.end) for part in parts]))  # (P, 2, 3)
    start, step = ends[:, 0], ends[:, 1] - ends[:, 0]
    length = np.hypot(step[:, 0], step[:, 1])
    # An axis that points at the camera has no direction in the picture: any will do.
    along = np.where(length[:, None] > 1e-6, step[:, :2] / np.maximum(length, 1e-6)[:, None], (0.0, 1.0))
    across, axis, facing = _axes(along, step)
    side = np.array([part.side for part in parts]) @ view.turn.T
    flat = np.array([part.flat for part in parts])
    c, s = _dot(side, across), _dot(side, facing)
    norm = np.hypot(c, s)
    # A side along the axis tells nothing: such a part is round.
    c, s = np.where(norm > 1e-6, (c, s) / np.maximum(norm, 1e-6), ((1.0,), (0.0,)))
    side = c[:, None] * across + s[:, None] * facing
    # Seen from the side, the ellipse with half-axes 1 and `flat` is as wide as its shadow.
    wide = np.hypot(c, flat * s)
    deep = flat / wide
    stops = np.array([part.widths for part in parts]) * view.scale
    caps = _cap_reach(parts, flat, along, axis, side)
    columns = (
        start, along, length, step[:, 2], stops @ CUBIC.T, wide, deep, (1 - flat**2) * c * s / wide, caps,
        np.stack([across @ light.towards, facing @ light.towards, axis @ light.towards], 1) * light.strength,
        np.where(c < 0, -1.0, 1.0), _extents(ends, stops.max(1), wide, caps),
    )  # fmt: skip
    rows = list(zip(*(column.tolist() for column in columns), (part.paint for part in parts), strict=True))
    thick_enough = stops.max(1) * wide >= THINNEST
    nearness = start[:, 2] + 0.5 * step[:, 2] - deep * stops.mean(1)
    return [Outline(*rows[index]) for index in np.argsort(-nearness, kind="stable") if thick_enough[index]]


def _dot(first: Matrix, second: Matrix) -> Vector:
    return np.asarray(np.einsum("ij,ij->i", first, second))


def _axes(along: Matrix, step: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """(P, 3) unit vectors across the axis, along it, and across it towards the camera."""
    flat_along = np.column_stack([along, np.zeros(len(along))])
    norm = np.linalg.norm(step, axis=1, keepdims=True)
    axis = np.where(norm > 1e-6, step / np.maximum(norm, 1e-6), flat_along)
    across = np.column_stack([-along[:, 1], along[:, 0], np.zeros(len(along))])
    facing = np.cross(across, axis)
    facing *= np.where(facing[:, 2:] > 0, -1.0, 1.0)
    return across, axis, facing


def _cap_reach(parts: Sequence[Part], flat: Vector, along: Matrix, axis: Matrix, side: Matrix) -> Matrix:
    """(P, 2) reach, along the axis in the picture, of start and end.

    An end is half an ellipsoid with half-axes cap (along the axis), 1 (along the side) and flat.
    """
    caps = np.array([(part.cap, part.cap if part.end_cap is None else part.end_cap) for part in parts])
    thick = np.cross(axis, side)
    section = _dot(side[:, :2], along) ** 2 + (flat * _dot(thick[:, :2], along)) ** 2
    lengthwise = _dot(axis[:, :2], along)
    return np.maximum(np.sqrt((caps * lengthwise[:, None]) ** 2 + section[:, None]), 0.05)


def _extents(ends: Matrix, radius: Vector, wide: Vector, caps: Matrix) -> Matrix:
    # A cubic through four stops can overshoot them; a tenth more and a pixel for the soft rim are enough.
    reach = (radius * np.maximum(wide, caps.max(1)) * 1.1 + 1)[:, None]
    return np.concatenate([ends[..., :2].min(1) - reach, ends[..., :2].max(1) + reach], 1)


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

    Parts are in the figure's body frame, `size` is (H, W) of the picture. None when the figure lies outside of it.
    """
    outlines = _outline_parts(parts, view, light)
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


def own_visibility(skeleton: Skeleton, view: View, layer: Layer, size: tuple[int, int]) -> Keypoints:
    """Return (17, 3) keypoints of a figure drawn alone: picture x, y in pixels and visibility.

    2: the figure's surface at the point's pixel is the flesh around the joint. 1: another part of the
    figure lies before it. 0 with x = y = 0: outside the picture, or a point of the face that is turned
    away from the camera (annotators of COCO leave those out).
    """
    height, width = size
    projected = view.project(skeleton.keypoints())
    xy = projected[:, :2].astype(np.float32)
    keypoints = np.zeros((COCO_PERSON.count, 3), np.float32)
    for index, name in enumerate(COCO_PERSON.names):
        x, y = xy[index]
        if not (0 <= x < width and 0 <= y < height):
            continue
        surface = _nearest_surface(layer, x, y)
        seen = math.isfinite(surface) and surface > projected[index, 2] - _cover(name, skeleton, view)
        if not seen and index < FACE and _turned_away(skeleton, view, name):
            continue
        keypoints[index] = x, y, 2 if seen else 1
    return keypoints


def hide_behind(keypoints: Keypoints, covered: NDArray[np.bool_]) -> Keypoints:
    """Return (17, 3) keypoints with the visible ones under `covered` (H, W) bool set to 1 (hidden)."""
    hidden = keypoints.copy()
    seen = keypoints[:, 2] == 2
    columns, rows = keypoints[seen, 0].astype(int), keypoints[seen, 1].astype(int)
    hidden[seen, 2] = np.where(covered[rows, columns], 1, 2)
    return hidden


def _nearest_surface(layer: Layer, x: float, y: float) -> float:
    """Depth of the figure at a picture position; infinite where it is not."""
    row, column = int(y) - layer.top, int(x) - layer.left
    rows, columns = layer.depth.shape
    inside = 0 <= row < rows and 0 <= column < columns
    return float(layer.depth[row, column]) if inside else float("inf")


def _cover(name: str, skeleton: Skeleton, view: View) -> float:
    body = skeleton.proportions
    part = name.rsplit("_", maxsplit=1)[-1]
    build = body.head if part in ("nose", "eye", "ear") else max(body.girth, 1.0)
    # Three quarters of a pixel: depth is known at pixel centres only.
    return COVER[part] * build * view.scale + 0.75


def _turned_away(skeleton: Skeleton, view: View, name: str) -> bool:
    outward = unit(skeleton.points[name] - skeleton.points["head"])
    return float(view.direct(outward)[2]) > TURNED_AWAY
