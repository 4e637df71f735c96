"""Which joint is bad: errors of each keypoint on its own, over the objects whose boxes were found."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from posekit.errors import ShapeError
from posekit.metrics.keypoint_sums import KeypointObjects, KeypointSums
from posekit.metrics.keypoint_table import table_lines
from posekit.metrics.picture import Found, Truth
from posekit.metrics.tabular import Row, Tabular
from posekit.schema import KeypointSchema

Points = NDArray[np.float64]


class PerKeypoint(Tabular):
    """Sums over labelled keypoints of matched objects; its memory does not grow with the number of pictures.

    Args:
        schema: names and mirror map of the K keypoints; without a map no swaps are counted.
        sigmas: K OKS sigmas.

    Attributes:
        objects: matched objects seen so far.
    """

    def __init__(self, schema: KeypointSchema, sigmas: Sequence[float]) -> None:
        if len(sigmas) != schema.count:
            raise ShapeError(f"{schema.count} keypoints need as many OKS sigmas, but there are {len(sigmas)}")
        self.objects = 0
        self._names = schema.names
        self._partners = np.array(schema.flip_idx or range(schema.count))
        self._spread = 2 * (2 * np.asarray(sigmas, np.float64)) ** 2
        self._sums = KeypointSums.zeros(schema.count)

    def add(self, truth: Truth, found: Found, pairs: NDArray[np.int64]) -> None:
        """Count the keypoints of one picture's matched objects.

        Args:
            truth: labelled objects, with keypoints.
            found: detections, with keypoints, in the same pixels.
            pairs: (P, 2) rows of truth and found that belong together, as from `box_pairs.matched_pairs`.

        Raises:
            ShapeError: keypoints are missing or not K.
        """
        labels, guesses = self._points(truth, "labels")[pairs[:, 0]], self._points(found, "detections")[pairs[:, 1]]
        sides = np.asarray(truth.boxes[pairs[:, 0], 2:] - truth.boxes[pairs[:, 0], :2], np.float64)
        sized = (sides > 0).all(1)
        objects = KeypointObjects.of(labels[sized], guesses[sized], sides[sized])
        self.objects += len(labels)
        self._sums.add(objects, self._spread, self._partners)

    def __str__(self) -> str:
        """Return the table as text."""
        return "\n".join(table_lines(self.rows()))

    def merge(self, other: "PerKeypoint") -> None:
        """Add what another process counted with the same schema and sigmas.

        Raises:
            ShapeError: the other one counts other keypoints.
        """
        if other._names != self._names:
            raise ShapeError(f"cannot merge counts of the keypoints {other._names} into those of {self._names}")
        self.objects += other.objects
        self._sums.merge(other._sums)

    def rows(self) -> list[Row]:
        """Return one dictionary per keypoint; a value is None where nothing was counted.

        The keys, over all labelled keypoints of matched objects:

        - ``keypoint``: its name; ``labelled``: how many there were
        - ``oks``: mean contribution to OKS, exp(-e) of validator and loss
        - ``pck_0.05``, ``pck_0.1``, ``pck_0.2``: share nearer than that share of the longer side of the object's box
        - ``mean_error``, ``median_error``: distance divided by the square root of the box area; the median to 0.001,
          and at most 2
        - ``swap_rate``: of points whose mirror partner is labelled too, the share that the network put where the
          partner is: OKS contribution below 0.5 at its own place, and at least 0.5 at the partner's
        - ``conf_visible``, ``conf_hidden``: mean predicted confidence where labelled visible and hidden
        """
        table = self._sums.table()
        columns: list[list[float | None]] = [
            [None if np.isnan(value) else float(value) for value in column] for column in table.values()
        ]
        counts = self._sums.labelled.astype(int).tolist()
        return [
            {"keypoint": name, "labelled": count} | dict(zip(table, values, strict=True))
            for name, count, *values in zip(self._names, counts, *columns, strict=True)
        ]

    def worst(self, count: int = 3) -> list[Row]:
        """Return the rows of the keypoints with the lowest OKS contribution, the worst first."""
        return sorted((row for row in self.rows() if row["labelled"]), key=lambda row: float(row["oks"]))[:count]

    def summary(self, normalize: bool = False, decimals: int = 5) -> list[Row]:
        """Return `rows` with rounded numbers; `normalize` changes nothing, as all values are shares already."""
        return [
            {key: round(value, decimals) if isinstance(value, float) else value for key, value in row.items()}
            for row in self.rows()
        ]

    def _points(self, objects: Truth | Found, what: str) -> Points:
        points = objects.keypoints
        if points is None or points.shape[1] != len(self._names):
            shape = "none" if points is None else points.shape[1]
            raise ShapeError(f"{len(self._names)} keypoints are counted, but {what} have {shape}")
        return np.asarray(points, np.float64)
