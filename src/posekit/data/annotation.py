"""Annotations in pixels, as foreign formats hold them: what readers give and writers take."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posekit.files.problems import Problem
from posekit.schema.schema import KeypointSchema

Box = tuple[float, float, float, float]  # corners x1, y1, x2, y2
Points = NDArray[np.float64]

# Joints lie inside the body: a box through the outermost ones cuts off head, hands and feet.
MARGIN = 0.1


@dataclass(frozen=True, kw_only=True, eq=False)
class ObjectAnnotation:
    """One object; coordinates are pixels of its picture.

    Attributes:
        label: class number, a key of `AnnotationSet.names`.
        box: corners x1, y1, x2, y2; None when the format gives none.
        keypoints: (K, 3) float64 x, y, visibility (0 unlabelled, 1 hidden, 2 visible); None without.
        parts: polygons of its visible parts, vertices (V, 2) float64 each; empty when the format gives none.
        crowd: one box or mask around many objects that are not told apart.
        area: px² as the format states it; None when it does not.
    """

    label: int
    box: Box | None = None
    keypoints: Points | None = None
    parts: tuple[Points, ...] = ()
    crowd: bool = False
    area: float | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureAnnotation:
    """One picture with its objects.

    Attributes:
        file_name: as the format names it.
        path: the picture on disk; None when it was not looked for, or not found.
        size: (h, w) in pixels.
        objects: what is on it.
        image_id: number or text that the format gives it; None without.
    """

    file_name: str
    path: Path | None
    size: tuple[int, int]
    objects: tuple[ObjectAnnotation, ...] = ()
    image_id: int | str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class AnnotationSet:
    """A set of pictures with their objects.

    Attributes:
        names: class names by number 0, 1, ...
        schema: the keypoints that all objects share; None without.
        pictures: in the order of the format.
        problems: everything that was left out or mended on the way, one entry each.
    """

    names: dict[int, str]
    schema: KeypointSchema | None
    pictures: tuple[PictureAnnotation, ...]
    problems: tuple[Problem, ...] = ()

    def difference(self, other: "AnnotationSet") -> str | None:
        """Return what two sets differ in, "classes" or "keypoints"; None when they go together."""
        if self.names != other.names:
            return "classes"
        return "keypoints" if self.schema != other.schema else None


@dataclass(frozen=True, kw_only=True)
class DerivedBox:
    """A box that posekit made up.

    Attributes:
        box: corners x1, y1, x2, y2 in pixels.
        how: what it was made of, for messages.
        code: short name of the same.
    """

    box: Box
    how: str
    code: str


def derive_box(parts: Sequence[Points], keypoints: Points | None, size: tuple[int, int]) -> DerivedBox | None:
    """Return a box around the polygons, else one around the labelled keypoints; None when neither gives one.

    Args:
        parts: vertices (V, 2) of each polygon in pixels.
        keypoints: (K, 3) x, y in pixels, visibility; None without.
        size: (h, w) of the picture.
    """
    box = box_around_parts(parts)
    if box is not None:
        return DerivedBox(box=box, how="the extent of the outline", code="box_from_outline")
    box = None if keypoints is None else box_around_keypoints(keypoints, size)
    if box is None:
        return None
    how = f"a box around the labelled keypoints, wider by {MARGIN:.0%} of its longer side on each side,"
    return DerivedBox(box=box, how=how, code="box_from_keypoints")


def box_around_parts(parts: Sequence[Points]) -> Box | None:
    """Return the extent of polygons; None without any, or without area."""
    if not parts:
        return None
    points = np.concatenate(parts)
    (x1, y1), (x2, y2) = points.min(0).tolist(), points.max(0).tolist()
    return (x1, y1, x2, y2) if x2 > x1 and y2 > y1 else None


def box_around_keypoints(keypoints: Points, size: tuple[int, int]) -> Box | None:
    """Return a box around the labelled keypoints in the picture, wider by `MARGIN` of its longer side, cut to `size`.

    None when fewer than two places are labelled.
    """
    height, width = size
    points = keypoints[keypoints[:, 2] > 0, :2]
    inside = points[((points >= 0) & (points <= (width, height))).all(1)]
    if not len(inside):
        return None
    near, far = inside.min(0), inside.max(0)
    margin = MARGIN * float((far - near).max())
    if margin == 0:
        return None
    near, far = np.maximum(near - margin, 0), np.minimum(far + margin, (width, height))
    return float(near[0]), float(near[1]), float(far[0]), float(far[1])
