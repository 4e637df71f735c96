"""`ObjectTable`: all objects of all splits as arrays, so that checks compare them at once; and `Statistics`."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posekit.data.checks.findings import Example
from posekit.data.labels import Split
from posekit.schema.schema import KeypointSchema

Floats = NDArray[np.float64]
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
    boxes: Floats
    keypoints: Floats
    sizes: Floats

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """(N, K) whether each keypoint is labelled."""
        labelled: NDArray[np.bool_] = self.keypoints[..., 2] > 0
        return labelled

    @property
    def scale(self) -> Floats:
        """(N,) size of each object: the square root of its box's area, at least 1 px."""
        sides = np.maximum(self.boxes[:, 2:] - self.boxes[:, :2], 0)
        scale: Floats = np.maximum(np.sqrt(sides.prod(1)), 1.0)
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
    points = schema.count if schema is not None else 0
    parts: list[tuple[int, int, int, int, Floats, Floats, tuple[int, int]]] = []
    for index, split in enumerate(splits.values()):
        for number, labels in enumerate(split.pictures):
            height, width = labels.size
            size = np.array((width, height), np.float64)
            centre, half = labels.boxes[:, :2] * size, labels.boxes[:, 2:] * size / 2
            boxes = np.concatenate((centre - half, centre + half), 1)
            keypoints = np.zeros((len(labels), points, 3))
            if labels.keypoints is not None and points:
                keypoints = labels.keypoints * np.array((width, height, 1.0))
            parts.extend(
                (index, number, row, int(labels.classes[row]), boxes[row], keypoints[row], labels.size)
                for row in range(len(labels))
            )
    columns = list(zip(*parts, strict=True)) or [()] * 7
    whole = [np.array(column, np.int64) for column in columns[:4]]
    return ObjectTable(
        splits=tuple(splits),
        split=whole[0],
        picture=whole[1],
        number=whole[2],
        classes=whole[3],
        boxes=np.array(columns[4], np.float64).reshape(-1, 4),
        keypoints=np.array(columns[5], np.float64).reshape(len(parts), points, 3),
        sizes=np.array(columns[6], np.float64).reshape(-1, 2),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class SplitNumbers:
    """Counts of one split.

    Attributes:
        name: "train", "val" or "test".
        pictures: those that can be used.
        background: those of them without objects.
        objects: all of them.
        with_keypoints: objects with at least one labelled keypoint.
        corrupt: pictures that are left out.
        dropped: objects that are left out.
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
    box_sizes: Floats
    visibility: Indices
    mean_points: Floats


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
        background=sum(not len(picture) for picture in split.pictures),
        objects=len(labelled),
        with_keypoints=int(labelled.any(1).sum()),
        corrupt=split.report.corrupt,
        dropped=split.report.dropped,
    )
