"""What a data set says of its pictures before their pixels are read: `Labels`, `Split`, `ScanReport`."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posekit.errors import ShapeError
from posekit.files.problems import Problem
from posekit.schema.schema import KeypointSchema

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureLabels:
    """One picture file and its N objects; coordinates are fractions of the picture's width and height.

    Attributes:
        path: the picture file.
        size: (h, w) in pixels after EXIF rotation.
        classes: (N,) int64 class numbers.
        boxes: (N, 4) float32 centre x, centre y, width, height.
        keypoints: (N, K, 3) float32 x, y, visibility (0 unlabelled, 1 hidden, 2 visible); None: there are none.
        polygons: N times vertices (V, 2) float32, (0, 2) for an object without; None: there are none.
    """

    path: str
    size: tuple[int, int]
    classes: Indices = field(default_factory=lambda: np.zeros(0, np.int64))
    boxes: Floats = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    keypoints: Floats | None = None
    polygons: tuple[Floats, ...] | None = None

    def __len__(self) -> int:
        return len(self.classes)


@dataclass(frozen=True, kw_only=True, eq=False)
class Labels:
    """P pictures and their N objects as columns; ``labels[i]`` is a view of one picture, with the same numbers.

    A polygon is the one outline of an object, V vertices; V is 0 for an object without.

    Attributes:
        paths: the P picture files.
        sizes: (P, 2) int64 h, w in pixels after EXIF rotation.
        starts: (P + 1,) int64; picture i has the objects ``starts[i]`` up to ``starts[i + 1]``.
        classes: (N,) int64 class numbers.
        boxes: (N, 4) float32 centre x, centre y, width, height, as fractions of the picture's width and height.
        keypoints: (N, K, 3) float32 x, y, visibility; None when the data set has none.
        polygon_points: (sum of V, 2) float32 vertices, those of object 0 first; None when the data set has none.
        polygon_starts: (N + 1,) int64; object i has the vertices ``polygon_starts[i]`` up to
            ``polygon_starts[i + 1]``; None likewise.

    Raises:
        ShapeError: the columns do not fit together.
    """

    paths: Sequence[str]
    sizes: Indices
    starts: Indices
    classes: Indices
    boxes: Floats
    keypoints: Floats | None = None
    polygon_points: Floats | None = None
    polygon_starts: Indices | None = None

    def __post_init__(self) -> None:
        objects = len(self.classes)
        fits = len(self.sizes) == len(self.paths) and _cuts(self.starts, len(self.paths), objects)
        fits = fits and len(self.boxes) == objects and (self.keypoints is None or len(self.keypoints) == objects)
        if self.polygon_points is not None and self.polygon_starts is not None:
            fits = fits and _cuts(self.polygon_starts, objects, len(self.polygon_points))
        if not fits:
            raise ShapeError(f"columns of {len(self.paths)} pictures and {objects} objects do not fit together")

    @classmethod
    def join(
        cls, pictures: Sequence[PictureLabels], *, keypoints: int | None = None, polygons: bool = False
    ) -> "Labels":
        """Return pictures as columns.

        Args:
            pictures: in the order of the answer.
            keypoints: K, of objects of pictures that state none; None: there are none, unless a picture states some.
            polygons: whether there are polygons although no picture states any.
        """
        if keypoints is None:
            keypoints = next((one.keypoints.shape[1] for one in pictures if one.keypoints is not None), None)
        columns: dict[str, Any] = {}
        if keypoints is not None:
            none = np.zeros((max(map(len, pictures), default=0), keypoints, 3), np.float32)
            stated = (none[: len(one)] if one.keypoints is None else one.keypoints for one in pictures)
            columns["keypoints"] = np.concatenate([none[:0], *stated])
        if polygons or any(one.polygons is not None for one in pictures):
            empty = np.zeros((0, 2), np.float32)
            outlines = [polygon for one in pictures for polygon in one.polygons or [empty] * len(one)]
            columns["polygon_points"] = np.concatenate([empty, *outlines])
            columns["polygon_starts"] = _starts([len(polygon) for polygon in outlines])
        return cls(
            paths=[one.path for one in pictures],
            sizes=np.array([one.size for one in pictures], np.int64).reshape(-1, 2),
            starts=_starts([len(one) for one in pictures]),
            classes=np.concatenate([np.zeros(0, np.int64), *(one.classes for one in pictures)]),
            boxes=np.concatenate([np.zeros((0, 4), np.float32), *(one.boxes for one in pictures)]),
            **columns,
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> PictureLabels:
        height, width = self.sizes[index].tolist()
        objects = slice(int(self.starts[:-1][index]), int(self.starts[1:][index]))
        polygons = None
        if self.polygon_points is not None and self.polygon_starts is not None:
            ends = self.polygon_starts[objects.start : objects.stop + 1].tolist()
            polygons = tuple(self.polygon_points[start:end] for start, end in pairwise(ends))
        return PictureLabels(
            path=self.paths[index],
            size=(height, width),
            classes=self.classes[objects],
            boxes=self.boxes[objects],
            keypoints=None if self.keypoints is None else self.keypoints[objects],
            polygons=polygons,
        )

    def __iter__(self) -> Iterator[PictureLabels]:
        return (self[index] for index in range(len(self)))

    @property
    def counts(self) -> Indices:
        """(P,) objects of each picture."""
        return np.diff(self.starts)

    @property
    def picture_sizes(self) -> list[tuple[int, int]]:
        """(h, w) of each picture."""
        return [(height, width) for height, width in self.sizes.tolist()]

    def first(self, count: int) -> "Labels":
        """Return the first `count` pictures; all when there are fewer."""
        starts = self.starts[: count + 1]
        kept = np.arange(len(self.classes)) < starts[-1]
        return replace(self.keep(kept), paths=self.paths[:count], sizes=self.sizes[:count], starts=starts)

    def keep(self, kept: NDArray[np.bool_]) -> "Labels":
        """Return all pictures with those of their objects that `kept` (N,) marks."""
        points, starts = self.polygon_points, self.polygon_starts
        if points is not None and starts is not None:
            counts = np.diff(starts)
            points, starts = points[np.repeat(kept, counts)], _starts(counts[kept])
        return replace(
            self,
            starts=_starts(kept)[self.starts],
            classes=self.classes[kept],
            boxes=self.boxes[kept],
            keypoints=None if self.keypoints is None else self.keypoints[kept],
            polygon_points=points,
            polygon_starts=starts,
        )


def _starts(counts: Sequence[int] | NDArray[np.int64] | NDArray[np.bool_]) -> Indices:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])


def _cuts(starts: Indices, parts: int, rows: int) -> bool:
    """Tell whether `starts` cuts so many rows into so many parts."""
    return len(starts) == parts + 1 and starts[0] == 0 and starts[-1] == rows and bool((np.diff(starts) >= 0).all())


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
        pictures: their labels, in path order (label files), or in the order of the JSON.
        names: class names by number.
        schema: its keypoints; None without.
        report: counts and problems.
        truth: a COCO JSON file with the truth of these pictures; None when there is none.
        source: the folder, list or JSON file that was read; of several the first.
    """

    name: str
    pictures: Labels
    names: dict[int, str]
    schema: KeypointSchema | None
    report: ScanReport = field(default_factory=ScanReport)
    truth: Path | None = None
    source: str = ""

    @property
    def summary(self) -> str:
        """One line of what was found."""
        filled = np.count_nonzero(self.pictures.counts)
        line = (
            f"{self.name}: {filled} pictures with {len(self.pictures.classes)} objects, "
            f"{len(self.pictures) - filled} backgrounds, {self.report.corrupt} corrupt"
        )
        return line if self.truth is None else f"{line}; COCO truth in {self.truth}"

    @property
    def folder(self) -> Path:
        """The deepest folder that holds all pictures."""
        parents = {str(Path(path).parent) for path in self.pictures.paths}
        return Path(os.path.commonpath(parents)) if parents else Path()
