"""Objects as annotation tools know them: by class name and point name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posekit.data.annotation import Box

Outline = NDArray[np.float64]
NamePair = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class NamedPoint:
    """One labelled keypoint: x and y in pixels of the picture, visibility 1 (hidden) or 2 (visible)."""

    x: float
    y: float
    visibility: int = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class NamedObject:
    """One object; coordinates are pixels of its picture and may lie outside it.

    Attributes:
        label: class name.
        place: where it stands in the file, for messages.
        box: corners x1, y1, x2, y2; None when the format gives none.
        points: labelled keypoints by name.
        parts: outlines (P, 2) of its visible parts.
    """

    label: str
    place: str
    box: Box | None = None
    points: Mapping[str, NamedPoint] = field(default_factory=dict)
    parts: tuple[Outline, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class NamedPicture:
    """One picture; `path`, `size` and `image_id` are those of `PictureAnnotation`."""

    file_name: str
    path: Path | None
    size: tuple[int, int]
    objects: tuple[NamedObject, ...] = ()
    image_id: int | str | None = None


@dataclass(frozen=True, kw_only=True)
class NamedSchema:
    """Classes and keypoints in the order that their numbers shall have.

    Attributes:
        classes: class names.
        points: keypoint names, of all classes together.
        limbs: pairs of point names.
        mirrored: pairs of point names that change places under a left-right mirror; None when the format does
            not say.
    """

    classes: Sequence[str] = ()
    points: Sequence[str] = ()
    limbs: Sequence[NamePair] = ()
    mirrored: Sequence[NamePair] | None = None
