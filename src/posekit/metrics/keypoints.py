"""Which joint is bad: errors of each keypoint on its own, over the objects whose boxes were found."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posekit.errors import ShapeError
from posekit.metrics.parts import Truth
from posekit.metrics.similarity import BOX_FILL, EPSILON
from posekit.metrics.tabular import Row, Tabular
from posekit.results.detected import Arrays
from posekit.schema.schema import KeypointSchema

Numbers = NDArray[np.float64]

PCK_SHARES = (0.05, 0.1, 0.2)
# A point counts as found where its OKS contribution reaches this.
FOUND = 0.5
# Medians come from counts of errors in steps of 0.001 of the object's size; errors above 2 count as 2.
ERROR_STEP, LARGEST_ERROR = 0.001, 2.0
ERROR_STEPS = round(LARGEST_ERROR / ERROR_STEP)
HIDDEN, VISIBLE = 1, 2

NARROW, WIDEST_NAME = 9, 40  # letters of a column of the table, and of its first

TITLES = {
    "labelled": "Points",
    "oks": "OKS",
    "pck_0.05": "PCK@.05",
    "pck_0.1": "PCK@.1",
    "pck_0.2": "PCK@.2",
    "mean_error": "Error",
    "median_error": "Median",
    "swap_rate": "Swapped",
    "conf_visible": "Visible",
    "conf_hidden": "Hidden",
}


@dataclass(kw_only=True, eq=False)
class _Sums:
    """What is counted of each of K keypoints.

    Attributes:
        labelled: (K,) labelled points.
        oks: (K,) sums of OKS contributions.
        near: (3, K) points within each of `PCK_SHARES`.
        error: (K,) sums of normalised distances.
        errors: (K, 2001) how many of those distances lie in each step.
        sided: (K,) labelled points with a labelled mirror partner.
        swapped: (K,) those of them that were put at the partner's place.
        confidence: (2, K) sums of confidence on hidden and on visible points.
        rated: (2, K) how many there were.
    """

    labelled: Numbers
    oks: Numbers
    near: Numbers
    error: Numbers
    errors: Numbers
    sided: Numbers
    swapped: Numbers
    confidence: Numbers
    rated: Numbers

    @classmethod
    def zeros(cls, count: int) -> "_Sums":
        """Return the sums before anything is counted."""
        flat = {name: np.zeros(count) for name in ("labelled", "oks", "error", "sided", "swapped")}
        two = {name: np.zeros((2, count)) for name in ("confidence", "rated")}
        return cls(**flat, **two, near=np.zeros((len(PCK_SHARES), count)), errors=np.zeros((count, ERROR_STEPS + 1)))

    def merge(self, other: "_Sums") -> None:
        """Add what was counted elsewhere."""
        for name, values in vars(self).items():
            values += getattr(other, name)

    def table(self) -> dict[str, Numbers]:
        """Return (K,) columns in the order in which they are shown, NaN where nothing was counted."""
        with np.errstate(invalid="ignore", divide="ignore"):
            hidden, visible = self.confidence / self.rated
            return {
                "oks": self.oks / self.labelled,
                **{f"pck_{share}": row / self.labelled for share, row in zip(PCK_SHARES, self.near, strict=True)},
                "mean_error": self.error / self.labelled,
                "median_error": self._medians(),
                "swap_rate": self.swapped / self.sided,
                "conf_visible": visible,
                "conf_hidden": hidden,
            }

    def _medians(self) -> Numbers:
        """Return the middle of the step that holds each keypoint's median error."""
        step = (self.errors.cumsum(1) >= self.labelled[:, None] / 2).argmax(1)
        medians = np.minimum((step + 0.5) * ERROR_STEP, LARGEST_ERROR)
        return np.where(self.labelled > 0, medians, np.nan)


def table_lines(rows: Sequence[Row]) -> list[str]:
    """Return a header and one line per keypoint, from `PerKeypoint.rows`.

    Columns are those of `TITLES`; `Visible` and `Hidden` are mean confidences. A dash stands where nothing was counted.
    """
    width = min(max((len(row["keypoint"]) for row in rows), default=0), WIDEST_NAME)
    width = max(width, len("Keypoint"))
    header = "Keypoint".rjust(width) + "".join(title.rjust(NARROW) for title in TITLES.values())
    return [header, *(_line(row, width) for row in rows)]


def worst_line(worst: Sequence[Row]) -> str:
    """Return one line that names the worst keypoints, from `PerKeypoint.worst`."""
    if not worst:
        return "Worst keypoints: none, as no labelled object was found"
    return "Worst keypoints by OKS: " + ", ".join(_short(row) for row in worst)


def _line(row: Row, width: int) -> str:
    name = row["keypoint"]
    name = name if len(name) <= width else f"{name[: width - 3]}..."
    return name.rjust(width) + "".join(_cell(row[key]).rjust(NARROW) for key in TITLES)


def _cell(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:d}" if isinstance(value, int) else f"{value:.3f}"


def _short(row: Row) -> str:
    swapped = row["swap_rate"]
    aside = f" ({swapped:.0%} left/right swapped)" if swapped and swapped >= 0.005 else ""
    return f"{row['keypoint']} {row['oks']:.3f}{aside}"


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
        # By which OKS divides a squared distance over an area.
        self._spread = 2 * (2 * np.asarray(sigmas, np.float64)) ** 2
        self._sums = _Sums.zeros(schema.count)

    def add(self, truth: Truth, found: Arrays, pairs: NDArray[np.int64]) -> None:
        """Count the keypoints of one picture's matched objects.

        Args:
            truth: labelled objects, with keypoints.
            found: detections, with keypoints, in the same pixels.
            pairs: (P, 2) rows of both that belong together, as from `matched_pairs`.

        Raises:
            ShapeError: keypoints are missing or not K.
        """
        labels, guesses = self._points(truth, "labels")[pairs[:, 0]], self._points(found, "detections")[pairs[:, 1]]
        self.objects += len(labels)
        boxes = truth.boxes[pairs[:, 0]]
        sides = np.asarray(boxes[:, 2:] - boxes[:, :2], np.float64)
        sized = (sides > 0).all(1)
        labels, guesses, sides = labels[sized], guesses[sized], sides[sized]
        visibility, places, put = labels[..., 2], labels[..., :2], guesses[..., :2]
        sums, partners = self._sums, self._partners
        labelled = visibility != 0
        area = sides[:, :1] * sides[:, 1:]
        squares = _squared_distances(put, places)
        scale = self._spread * (float(BOX_FILL) * area + float(EPSILON))
        own = np.exp(-squares / scale)
        sums.labelled += labelled.sum(0)
        sums.oks += (own * labelled).sum(0)
        longer = sides.max(1, keepdims=True)
        for row, share in enumerate(PCK_SHARES):
            sums.near[row] += ((squares < (share * longer) ** 2) & labelled).sum(0)
        errors = np.sqrt(squares / area)
        sums.error += np.where(labelled & np.isfinite(errors), errors, LARGEST_ERROR * labelled).sum(0)
        steps = np.floor(np.minimum(errors, LARGEST_ERROR) / ERROR_STEP).astype(np.int64)
        objects_at, points_at = np.nonzero(labelled)
        np.add.at(sums.errors, (points_at, steps[objects_at, points_at]), 1)
        sided = labelled & labelled[:, partners] & (partners != np.arange(len(partners)))
        other = np.exp(-_squared_distances(put, places[:, partners]) / scale)
        sums.sided += sided.sum(0)
        sums.swapped += (sided & (own < FOUND) & (other >= FOUND)).sum(0)
        if guesses.shape[2] == 3:
            confidence = guesses[..., 2]
            for row, state in enumerate((HIDDEN, VISIBLE)):
                counted = (visibility == state) & np.isfinite(confidence)
                sums.confidence[row] += np.where(counted, confidence, 0).sum(0)
                sums.rated[row] += counted.sum(0)

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

    def _points(self, objects: Truth | Arrays, what: str) -> Numbers:
        points = objects.keypoints
        if points is None or points.shape[1] != len(self._names):
            shape = "none" if points is None else points.shape[1]
            raise ShapeError(f"{len(self._names)} keypoints are counted, but {what} have {shape}")
        return np.asarray(points, np.float64)


def _squared_distances(some: Numbers, others: Numbers) -> Numbers:
    """Return (P, K) for points (P, K, 2); infinite where they are no numbers."""
    with np.errstate(over="ignore", invalid="ignore"):
        squares = ((some - others) ** 2).sum(2)
    return np.where(np.isnan(squares), np.inf, squares)
