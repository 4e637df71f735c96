"""`PartMetrics`: everything known about one part, which is boxes, masks or keypoints."""

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from posekit.metrics.attributes import unknown_attribute
from posekit.metrics.average_precision import Doubles
from posekit.metrics.class_scores import ClassScores
from posekit.metrics.curves import grid

Integers = NDArray[np.int64]
PictureScores = dict[str, dict[str, Any]]


class PartMetrics:
    """Scores of boxes, masks or keypoints; C classes have labels of them, the model knows `nc` classes.

    Attributes:
        nc: number of classes of the model.
        confidence: the one confidence where the mean F1 of the classes is best.
        p, r, f1: (C,) precision, recall and F1 there.
        all_ap: (C, 10) average precision at the thresholds 0.50, 0.55 ... 0.95.
        ap_class_index: (C,) class number of each row.
        px: (1000,) confidences or recalls, 0 ... 1, that the curves are given at.
        p_curve, r_curve, f1_curve: (C, 1000) over confidence, at the threshold 0.5.
        prec_values: (C, 1000) precision over recall, at the threshold 0.5.
    """

    def __init__(self, nc: int, scores: ClassScores, pictures: Callable[[], PictureScores]) -> None:
        """Take the numbers from `scores`.

        Args:
            nc: number of classes of the model.
            scores: of the labelled classes.
            pictures: gives the scores of single pictures when asked for.
        """
        best = scores.point
        self.nc = nc
        self.p: Doubles = scores.p_curve[:, best]
        self.r: Doubles = scores.r_curve[:, best]
        self.f1: Doubles = scores.f1_curve[:, best]
        self.all_ap = scores.all_ap
        self.ap_class_index: Integers = scores.classes
        self.px = grid()
        self.confidence = float(self.px[best])
        self.p_curve = scores.p_curve
        self.r_curve = scores.r_curve
        self.f1_curve = scores.f1_curve
        self.prec_values = scores.prec_values
        self._pictures = pictures

    def __getattr__(self, name: str) -> NoReturn:
        raise unknown_attribute(self, name)

    def __repr__(self) -> str:
        return f"PartMetrics(map={self.map:.5g}, map50={self.map50:.5g}, mp={self.mp:.5g}, mr={self.mr:.5g})"

    @property
    def ap50(self) -> Doubles:
        """(C,) average precision at the threshold 0.5."""
        return self.all_ap[:, 0]

    @property
    def ap(self) -> Doubles:
        """(C,) mean of the average precisions at all ten thresholds."""
        return np.asarray(self.all_ap.mean(1))

    @property
    def mp(self) -> float:
        """Mean precision of the classes."""
        return _mean(self.p)

    @property
    def mr(self) -> float:
        """Mean recall of the classes."""
        return _mean(self.r)

    @property
    def map50(self) -> float:
        """Mean average precision at the threshold 0.5."""
        return _mean(self.ap50)

    @property
    def map75(self) -> float:
        """Mean average precision at the threshold 0.75."""
        return _mean(self.all_ap[:, 5])

    @property
    def map(self) -> float:
        """Mean average precision over thresholds and classes, known as mAP50-95."""
        return _mean(self.ap)

    @property
    def maps(self) -> Doubles:
        """(nc,) mAP50-95 per class number; classes without labels get the overall `map`."""
        values = np.full(self.nc, self.map)
        values[self.ap_class_index] = self.ap
        return values

    def mean_results(self) -> list[float]:
        """Return mean precision, mean recall, mAP50 and mAP50-95."""
        return [self.mp, self.mr, self.map50, self.map]

    def class_result(self, i: int) -> tuple[float, float, float, float]:
        """Return precision, recall, AP50 and AP50-95 of row `i`; its class is ``ap_class_index[i]``."""
        return float(self.p[i]), float(self.r[i]), float(self.ap50[i]), float(self.ap[i])

    def row_of(self, number: int) -> int | None:
        """Return the row of a class number; None for classes that have nothing to score."""
        rows = np.flatnonzero(self.ap_class_index == number)
        return int(rows[0]) if len(rows) else None

    def fitness(self) -> float:
        """Return what training maximises: mAP50-95."""
        return self.map

    @property
    def curves_results(self) -> list[list[Any]]:
        """Four curves, each ``[x, y, label of x, label of y]`` with x (1000,) and y (C, 1000)."""
        return [
            [self.px, self.prec_values, "Recall", "Precision"],
            [self.px, self.f1_curve, "Confidence", "F1"],
            [self.px, self.p_curve, "Confidence", "Precision"],
            [self.px, self.r_curve, "Confidence", "Recall"],
        ]

    @property
    def image_metrics(self) -> PictureScores:
        """Per file name ``precision recall f1 tp fp fn`` at the threshold 0.5, over all kept detections."""
        return self._pictures()


def _mean(values: Doubles) -> float:
    return float(values.mean()) if len(values) else 0.0
