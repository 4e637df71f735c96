"""`Outline`: a part as the camera sees it, in pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from posekit.data.figures.part import Paint, Part
from posekit.data.figures.vectors import Matrix, Vector
from posekit.data.figures.view import View

# Parts thinner than this many pixels cannot be seen and are left out.
THINNEST = 0.4
# The cubic through four values at 0, 1/3, 2/3 and 1: coefficients of 1, t, t^2, t^3.
CUBIC = np.array([[2, 0, 0, 0], [-11, 18, -9, 2], [18, -45, 36, -9], [-9, 27, -27, 9]]) / 2


@dataclass(frozen=True, kw_only=True)
class Light:
    """One distant light.

    Attributes:
        towards: (3,) unit vector to the light in camera axes (right, down, away).
        ambient: share of the colour that is seen without it.
        strength: share it adds where it falls straight on the surface.
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


def outline_parts(parts: Sequence[Part], view: View, light: Light) -> list[Outline]:
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
