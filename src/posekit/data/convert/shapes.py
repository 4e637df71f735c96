"""`Shape`: one thing that somebody drew on a picture, before it is known which shapes make one object."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from posekit.data.annotation import Box
from posekit.data.convert.named import NamedPoint, Outline

UNGROUPED = "0"


@dataclass(frozen=True, kw_only=True, eq=False)
class Shape:
    """A box, outlines, a skeleton of points, or a single point.

    Attributes:
        label: class name; of a single point the name of the keypoint.
        place: where it stands, for messages.
        group: what the shapes of one object share; `UNGROUPED` without.
        box, parts, points: as in `NamedObject`.
        is_skeleton: whether `points` are those of a whole object, even when none is labelled.
        is_point: whether it is a single point, which belongs to some other shape.
    """

    label: str
    place: str
    group: str = UNGROUPED
    box: Box | None = None
    parts: tuple[Outline, ...] = ()
    points: Mapping[str, NamedPoint] = field(default_factory=dict)
    is_skeleton: bool = False
    is_point: bool = False

    @property
    def extent(self) -> Box | None:
        """Corners x1, y1, x2, y2 of its box, else around its outlines; None without either."""
        if self.box is not None or not self.parts:
            return self.box
        corners = np.concatenate(self.parts)
        (x1, y1), (x2, y2) = corners.min(0).tolist(), corners.max(0).tolist()
        return x1, y1, x2, y2
