"""`ObjectTable`: all objects of all splits as arrays, so that checks compare them at once; and `Statistics`."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posekit.data.checks.findings import Example
from posekit.data.labels import Split
from posekit.schema.schema import KeypointSchema

Values = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class ObjectTable:
    """N objects; coordinates are pixels of their pictures.

    Attributes:
        splits: names of the splits.
        split: (N,) index into `splits`.
        picture: (N,) index into the pictures of that split.
        number: (N,) index among the objects of that picture.
        classes: (N,) class numbers.
        boxes: (N, 4) corners x1 y1 x2 y2.
        keypoints: (N, K, 3) x, y, visibility; K is 0 without keypoints.
        sizes: (N, 2) height and width of the picture.
    """

    splits: tuple[str, ...]
    split: Indices
    picture: Indices
    number: Indices
    classes: Indices
    boxes: Values
    keypoints: Values
    sizes: Values

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """(N, K) whether each keypoint is labelled."""
        labelled: NDArray[np.bool_] = self.keypoints[..., 2] > 0
        return labelled

    @property
    def scale(self) -> Values:
        """(N,) size of each object: the square root of its box's area, at least 1 px."""
        sides = np.maximum(self.boxes[:, 2:] - self.boxes[:, :2], 0)
        scale: Values = np.maximum(np.sqrt(sides.prod(1)), 1.0)
        return scale

    def example(self, row: int, caption: str, keypoints: tuple[int, ...] = ()) -> Example:
        """Return object `row` as an example."""
        return Example(
            split=self.splits[int(self.split[row])],
            picture=int(self.picture[row]),
            objects=(int(self.number[row]),),
            keypoints=keypoints,
            caption=caption,
        )

    def example_of_points(self, row: int, marked: NDArray[np.bool_], schema: KeypointSchema) -> Example:
        """Return object `row` as an example of its `marked` (K,) keypoints, captioned with the first few names."""
        points = tuple(np.flatnonzero(marked).tolist())
        return self.example(row, ", ".join(schema.names[index] for index in points[:4]), points)


def table_of(splits: Mapping[str, Split], schema: KeypointSchema | None) -> ObjectTable:
    """Collect the objects of all splits."""
    count = schema.count if schema is not None else 0
    places = [(i, j, labels) for i, split in enumerate(splits.values()) for j, labels in enumerate(split.pictures)]
    pictures = [labels for _, _, labels in places]
    rows = np.array([len(labels) for labels in pictures], np.int64)
    sizes = np.repeat(np.array([labels.size for labels in pictures], np.float64).reshape(-1, 2), rows, axis=0)
    sides = sizes[:, ::-1]
    boxes = np.concatenate([np.zeros((0, 4)), *(labels.boxes for labels in pictures)])
    centre, half = boxes[:, :2] * sides, boxes[:, 2:] * sides / 2
    keypoints = [
        np.zeros((len(labels), count, 3)) if labels.keypoints is None or not count else labels.keypoints
        for labels in pictures
    ]
    points = np.concatenate([np.zeros((0, count, 3)), *keypoints])
    return ObjectTable(
        splits=tuple(splits),
        split=np.repeat(np.array([i for i, _, _ in places], np.int64), rows),
        picture=np.repeat(np.array([j for _, j, _ in places], np.int64), rows),
        number=np.concatenate([np.zeros(0, np.int64), *map(np.arange, rows)]),
        classes=np.concatenate([np.zeros(0, np.int64), *(labels.classes for labels in pictures)]),
        boxes=np.concatenate((centre - half, centre + half), 1),
        keypoints=np.concatenate((points[..., :2] * sides[:, None], points[..., 2:]), axis=2),
        sizes=sizes,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class SplitNumbers:
    """Counts of one split.

    `background` are pictures without objects; `corrupt` pictures and `dropped` objects are left out.
    """

    name: str
    pictures: int
    background: int
    objects: int
    with_keypoints: int
    corrupt: int
    dropped: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Statistics:
    """Numbers of a whole data set.

    Attributes:
        splits: counts of each split.
        class_counts: (nc,) objects per class.
        box_sizes: (N, 2) width and height of boxes as fractions of their picture.
        visibility: (K, 3) how often each keypoint has visibility 0, 1, 2, over objects with any labelled point.
        mean_points: (K, 2) mean place of each keypoint within its box, 0 ... 1; NaN for points never labelled.
    """

    splits: tuple[SplitNumbers, ...]
    class_counts: Indices
    box_sizes: Values
    visibility: Indices
    mean_points: Values


def measure(splits: Mapping[str, Split], table: ObjectTable, nc: int) -> Statistics:
    """Return the numbers of a data set."""
    sides = table.boxes[:, 2:] - table.boxes[:, :2]
    labelled = table.labelled
    values = table.keypoints[labelled.any(1), :, 2]
    places = (table.keypoints[..., :2] - table.boxes[:, None, :2]) / np.maximum(sides, 1e-9)[:, None]
    counts = labelled.sum(0)
    total = np.where(labelled[..., None], places, 0.0).sum(0)
    means = np.where(counts[:, None] > 0, total / np.maximum(counts, 1)[:, None], np.nan)
    return Statistics(
        splits=tuple(
            _split_numbers(name, split, labelled[table.split == index])
            for index, (name, split) in enumerate(splits.items())
        ),
        class_counts=np.bincount(table.classes, minlength=nc).astype(np.int64),
        box_sizes=sides / table.sizes[:, ::-1] if len(table) else np.zeros((0, 2)),
        visibility=np.stack([(values == level).sum(0) for level in (0, 1, 2)], 1).astype(np.int64),
        mean_points=means,
    )


def _split_numbers(name: str, split: Split, labelled: NDArray[np.bool_]) -> SplitNumbers:
    return SplitNumbers(
        name=name,
        pictures=len(split.pictures),
        background=int((split.pictures.counts == 0).sum()),
        objects=len(labelled),
        with_keypoints=int(labelled.any(1).sum()),
        corrupt=split.report.corrupt,
        dropped=split.report.dropped,
    )
