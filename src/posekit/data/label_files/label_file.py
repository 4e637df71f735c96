"""`LabelFile`: what one label file comes to."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from posekit.data.label_files.numbers import Floats
from posekit.data.problem import Problem


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelFile:
    """The N objects that one label file holds, or why there are none; coordinates are fractions of the picture.

    Attributes:
        rows: how many rows are not blank; N and the objects left out by `problems` add up to it.
        classes: (N,) int64 as written, also where a single class is asked for.
        boxes: (N, 4) float32 centre x, centre y, width, height.
        keypoints: (N, K, 3) float32 x, y, visibility; None when the task has none.
        polygons: N outlines (P, 2) float32, (0, 2) for an object without one; None when no row has one.
        problems: everything that was left out or mended.
    """

    rows: int = 0
    classes: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    boxes: Floats = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    keypoints: Floats | None = None
    polygons: tuple[Floats, ...] | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def is_corrupt(self) -> bool:
        """Whether the picture is left out because of this file."""
        return any(problem.picture for problem in self.problems)
