"""Sums over the keypoints of matched objects, from which per-keypoint errors follow."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posekit.metrics.similarity import BOX_FILL, EPSILON

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.int64]

PCK_SHARES = (0.05, 0.1, 0.2)
# A point counts as found where its OKS contribution reaches this.
FOUND = 0.5
# Medians come from counts of errors in steps of 0.001 of the object's size; errors above 2 count as 2.
ERROR_STEP, LARGEST_ERROR = 0.001, 2.0
ERROR_STEPS = round(LARGEST_ERROR / ERROR_STEP)
HIDDEN, VISIBLE = 1, 2


@dataclass(frozen=True, kw_only=True, eq=False)
class KeypointObjects:
    """P matched objects, in pixels.

    Attributes:
        visibility: (P, K) of the labels.
        labels: (P, K, 2) x, y.
        guesses: (P, K, 2) predicted x, y.
        confidence: (P, K) predicted; None without.
        sides: (P, 2) width and height of the labelled boxes, above 0.
    """

    visibility: Numbers
    labels: Numbers
    guesses: Numbers
    confidence: Numbers | None
    sides: Numbers

    @classmethod
    def of(cls, labels: Numbers, guesses: Numbers, sides: Numbers) -> "KeypointObjects":
        """Build from labels (P, K, 3), predictions (P, K, 2 or 3) and sides (P, 2)."""
        return cls(
            visibility=labels[..., 2],
            labels=labels[..., :2],
            guesses=guesses[..., :2],
            confidence=guesses[..., 2] if guesses.shape[2] == 3 else None,
            sides=sides,
        )

    @property
    def area(self) -> Numbers:
        """(P, 1) px² of the boxes."""
        return self.sides[:, :1] * self.sides[:, 1:]

    def squared_distances(self, labels: Numbers) -> Numbers:
        """Return (P, K) from the guesses to some labels (P, K, 2); infinite for guesses that are no number."""
        with np.errstate(over="ignore", invalid="ignore"):
            squares = ((self.guesses - labels) ** 2).sum(2)
        return np.where(np.isnan(squares), np.inf, squares)


@dataclass(kw_only=True, eq=False)
class KeypointSums:
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
    def zeros(cls, count: int) -> "KeypointSums":
        """Return the sums before anything is counted."""
        flat = {name: np.zeros(count) for name in ("labelled", "oks", "error", "sided", "swapped")}
        two = {name: np.zeros((2, count)) for name in ("confidence", "rated")}
        return cls(**flat, **two, near=np.zeros((len(PCK_SHARES), count)), errors=np.zeros((count, ERROR_STEPS + 1)))

    def add(self, objects: KeypointObjects, spread: Numbers, partners: Indices) -> None:
        """Count some objects.

        Args:
            objects: the objects.
            spread: (K,) by which a squared distance over an area is divided in OKS: 2 · (2σ)².
            partners: (K,) mirror partner of each keypoint; itself when it has none.
        """
        labelled = objects.visibility != 0
        squares = objects.squared_distances(objects.labels)
        scale = spread * (float(BOX_FILL) * objects.area + float(EPSILON))
        own = np.exp(-squares / scale)
        self.labelled += labelled.sum(0)
        self.oks += (own * labelled).sum(0)
        self._add_distances(objects, squares, labelled)
        self._add_swaps(objects, own, scale, labelled, partners)
        self._add_confidence(objects)

    def _add_distances(self, objects: KeypointObjects, squares: Numbers, labelled: Flags) -> None:
        longer = objects.sides.max(1, keepdims=True)
        for row, share in enumerate(PCK_SHARES):
            self.near[row] += ((squares < (share * longer) ** 2) & labelled).sum(0)
        errors = np.sqrt(squares / objects.area)
        self.error += np.where(labelled & np.isfinite(errors), errors, LARGEST_ERROR * labelled).sum(0)
        steps = np.floor(np.minimum(errors, LARGEST_ERROR) / ERROR_STEP).astype(np.int64)
        objects_at, points_at = np.nonzero(labelled)
        np.add.at(self.errors, (points_at, steps[objects_at, points_at]), 1)

    def _add_swaps(
        self, objects: KeypointObjects, own: Numbers, scale: Numbers, labelled: Flags, partners: Indices
    ) -> None:
        sided = labelled & labelled[:, partners] & (partners != np.arange(len(partners)))
        other = np.exp(-objects.squared_distances(objects.labels[:, partners]) / scale)
        self.sided += sided.sum(0)
        self.swapped += (sided & (own < FOUND) & (other >= FOUND)).sum(0)

    def _add_confidence(self, objects: KeypointObjects) -> None:
        if objects.confidence is None:
            return
        for row, state in enumerate((HIDDEN, VISIBLE)):
            counted = (objects.visibility == state) & np.isfinite(objects.confidence)
            self.confidence[row] += np.where(counted, objects.confidence, 0).sum(0)
            self.rated[row] += counted.sum(0)

    def merge(self, other: "KeypointSums") -> None:
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
