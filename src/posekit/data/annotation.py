"""Annotations in pixels, as foreign formats hold them: what readers give and writers take."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posekit.data.problem import Problem
from posekit.schema import KeypointSchema

Box = tuple[float, float, float, float]  # corners x1, y1, x2, y2
Points = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class ObjectAnnotation:
    """One object; coordinates are pixels of its picture.

    Attributes:
        label: class number, a key of `AnnotationSet.names`.
        box: corners x1, y1, x2, y2; None when the format gives none.
        keypoints: (K, 3) float64 x, y, visibility (0 unlabelled, 1 hidden, 2 visible); None without.
        parts: outlines (P, 2) float64 of its visible parts; empty when the format gives none.
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
