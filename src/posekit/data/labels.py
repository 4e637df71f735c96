"""`PictureLabels`: what a data set says of one picture before its pixels are read."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posekit.files.problems import Problem
from posekit.schema.schema import KeypointSchema

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureLabels:
    """One picture file and its N objects; coordinates are fractions of the picture's width and height.

    Attributes:
        path: the picture file.
        size: (h, w) in pixels after EXIF rotation.
        classes: (N,) int64 class numbers.
        boxes: (N, 4) float32 centre x, centre y, width, height.
        keypoints: (N, K, 3) float32 x, y, visibility (0 unlabelled, 1 hidden, 2 visible); None when the data
            set has none.
        polygons: N outlines (P, 2) float32, (0, 2) for an object without one; None when the data set has none.
    """

    path: str
    size: tuple[int, int]
    classes: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    boxes: Floats = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    keypoints: Floats | None = None
    polygons: tuple[Floats, ...] | None = None

    def __len__(self) -> int:
        return len(self.classes)


@dataclass(frozen=True, kw_only=True)
class ScanReport:
    """What reading the labels of a split came to, in pictures unless said otherwise.

    Attributes:
        found: with a label file, or an entry of the JSON.
        missing: without one, taken as background.
        empty: with a label file that has no rows, or an entry without objects.
        corrupt: left out, because the picture or a label cannot be used.
        objects: objects read.
        dropped: objects left out, those of corrupt pictures included.
        problems: one entry for each thing that was left out or mended.
    """

    found: int = 0
    missing: int = 0
    empty: int = 0
    corrupt: int = 0
    objects: int = 0
    dropped: int = 0
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """One part of a data set.

    Attributes:
        name: "train", "val" or "test".
        pictures: in path order (label files), or in the order of the JSON.
        names: class names by number.
        schema: its keypoints; None without.
        report: counts and problems.
        truth: a COCO JSON file with the truth of these pictures; None when there is none.
        source: the folder, list or JSON file that was read; of several the first.
    """

    name: str
    pictures: tuple[PictureLabels, ...]
    names: dict[int, str]
    schema: KeypointSchema | None
    report: ScanReport = field(default_factory=ScanReport)
    truth: Path | None = None
    source: str = ""

    @property
    def summary(self) -> str:
        """One line of what was found."""
        counts = [len(labels) for labels in self.pictures if len(labels)]
        line = (
            f"{self.name}: {len(counts)} pictures with {sum(counts)} objects, "
            f"{len(self.pictures) - len(counts)} backgrounds, {self.report.corrupt} corrupt"
        )
        return line if self.truth is None else f"{line}; COCO truth in {self.truth}"

    @property
    def folder(self) -> Path:
        """The deepest folder that holds all pictures."""
        parents = [str(Path(picture.path).parent) for picture in self.pictures]
        return Path(os.path.commonpath(parents)) if parents else Path()
