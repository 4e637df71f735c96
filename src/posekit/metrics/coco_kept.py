"""Keeps of a picture's detections what the COCO protocols can use, as compact arrays."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posekit.errors import DatasetError
from posekit.metrics.coco_fields import Key, looked_up
from posekit.metrics.coco_protocol import CocoProtocol

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Kept:
    """The N detections of one picture that one protocol looks at, in falling score.

    Attributes:
        categories: (N,) category numbers of the truth.
        scores: (N,) float64.
        boxes: (N, 4) float64 x, y, width, height in pixels; None where only points or masks are scored.
        points: (N, 2K) x, y in pixels, float32 where that loses nothing; None unless points are scored.
        outlines: N run-length encoded masks; None unless masks are scored.
        left_out: detections that were not looked at because their numbers are not finite.
    """

    categories: NDArray[np.int64]
    scores: NDArray[np.float64]
    boxes: NDArray[np.float64] | None = None
    points: Floats | None = None
    outlines: list[Mapping[str, Any]] | None = None
    left_out: int = 0

    def of(self, categories: Collection[int], points: int) -> "Kept":
        """Return the detections of some categories, with the first `points` points."""
        chosen = np.flatnonzero(np.isin(self.categories, list(categories)))
        return replace(
            self,
            categories=self.categories[chosen],
            scores=self.scores[chosen],
            boxes=None if self.boxes is None else self.boxes[chosen],
            points=None if self.points is None else self.points[chosen, : 2 * points],
            outlines=None if self.outlines is None else [self.outlines[i] for i in chosen],
        )


def keep_best(
    rows: Sequence[Mapping[str, Any]],
    protocol: CocoProtocol,
    categories: Mapping[Key, int],
    *,
    points: int = 0,
    with_boxes: bool = False,
) -> Kept:
    """Return what one protocol uses of the prediction rows of one picture.

    That is the highest scores of each category, up to the protocol's limit; of equal scores the earlier row. Rows of
    categories that the truth does not have are ignored, as COCO ignores them.

    Args:
        rows: prediction rows, each with ``category_id``, ``score`` and the protocol's field.
        protocol: the protocol.
        categories: number of each category id of the truth.
        points: K, where keypoints are scored.
        with_boxes: keep boxes also where they are not scored; then they decide the size of a detection.

    Raises:
        DatasetError: a row lacks a field, or has one of the wrong form.
    """
    numbers = [looked_up(categories, _field(row, "category_id")) for row in rows]
    known = [row for row, number in zip(rows, numbers, strict=True) if number is not None]
    labels = np.array([number for number in numbers if number is not None], np.int64)
    scores = _columns(known, "score", ())
    finite = np.isfinite(scores)
    boxes = coordinates = None
    if with_boxes or protocol.field == "bbox":
        boxes = _columns(known, "bbox", (4,))
        finite &= np.isfinite(boxes).all(1)
    if protocol.field == "keypoints":
        coordinates = _coordinates(known, points)
        finite &= np.isfinite(coordinates).all(1)
    chosen = _best(scores, labels, finite, protocol.limit)
    return Kept(
        categories=labels[chosen],
        scores=scores[chosen],
        boxes=None if boxes is None else boxes[chosen],
        points=None if coordinates is None else _compact(coordinates[chosen]),
        outlines=[_run_lengths(known[i]) for i in chosen] if protocol.field == "segmentation" else None,
        left_out=int(np.count_nonzero(~finite)),
    )


def _best(scores: Floats, labels: NDArray[np.int64], usable: NDArray[np.bool_], limit: int) -> NDArray[np.int64]:
    """Return the rows with the `limit` highest scores of each label, in falling score over all labels."""
    order = np.flatnonzero(usable)
    order = order[np.argsort(-scores[order], kind="stable")]
    grouped = np.argsort(labels[order], kind="stable")
    counts = np.unique(labels[order], return_counts=True)[1]
    ranks = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    return order[np.sort(grouped[ranks < limit])]


def _columns(rows: Sequence[Mapping[str, Any]], key: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return one field of all rows as (N, *shape)."""
    try:
        values = np.array([_field(row, key) for row in rows], np.float64)
    except (TypeError, ValueError, OverflowError):
        values = np.zeros(())
    if rows and values.shape != (len(rows), *shape):
        wanted = f"a list of {shape[0]} numbers" if shape else "a number"
        raise DatasetError(f"predictions: {key!r} of every row must be {wanted}")
    return values.reshape(-1, *shape)


def _coordinates(rows: Sequence[Mapping[str, Any]], points: int) -> NDArray[np.float64]:
    """Return the x and y of all points, (N, 2K), whether rows hold triplets or pairs."""
    if not rows:
        return np.zeros((0, 2 * points))
    values = _field(rows[0], "keypoints")
    width = len(values) if isinstance(values, list | tuple) else 0
    if width not in (3 * points, 2 * points):
        raise DatasetError(f"predictions have {width} numbers of keypoints; the truth has {points} points per object")
    table = _columns(rows, "keypoints", (width,)).reshape(len(rows), points, -1)
    return table[..., :2].reshape(len(rows), -1)


def _run_lengths(row: Mapping[str, Any]) -> Mapping[str, Any]:
    from hotcoco.mask import area

    value = _field(row, "segmentation")
    run_lengths = {key: value.get(key) for key in ("size", "counts")} if isinstance(value, Mapping) else {}
    try:
        area(run_lengths)
    except (ValueError, TypeError, OverflowError) as error:
        raise DatasetError(f"predictions: a 'segmentation' is no run-length encoded mask: {error}") from error
    return run_lengths


def _field(row: Mapping[str, Any], key: str) -> Any:
    if key not in row:
        raise DatasetError(f"predictions: a row has no {key!r}; it has {sorted(row)}")
    return row[key]


def _compact(values: NDArray[np.float64]) -> Floats:
    with np.errstate(over="ignore"):
        small = values.astype(np.float32)
    return small if np.array_equal(small, values) else values
