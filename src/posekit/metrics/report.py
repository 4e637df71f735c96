"""`Metrics`: the result of a validation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from posekit.metrics.average_precision import ClassScores, Doubles, grid
from posekit.metrics.confusion import ConfusionMatrix
from posekit.metrics.keypoints import PerKeypoint
from posekit.metrics.parts import BOX, PartKind, kinds_of
from posekit.metrics.tabular import Row, Tabular, unknown_attribute
from posekit.schema.schema import SigmaChoice

Integers = NDArray[np.int64]
PictureScores = dict[str, dict[str, Any]]

WIDTHS = (22, 11)  # letters of the first column of a table, and of the others


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
        """Take the numbers of the labelled classes; `pictures` gives the scores of single pictures when asked for."""
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


@dataclass(kw_only=True, eq=False, repr=False)
class Metrics(Tabular):
    """How well a model did; ``box``, and by task ``seg`` and ``pose``, hold the numbers of each part.

    Attributes:
        task: detect, segment, pose or multitask.
        names: class name by number.
        parts: the parts by name, in the order of the keys; each is an attribute as well.
        nt_per_class: (nc,) labelled objects.
        nt_per_image: (nc,) pictures that have the class.
        seen: number of pictures.
        confusion_matrix: of the boxes; zeros when it was not asked for.
        sigmas: the OKS sigmas behind the keypoint scores, as they were given; None without keypoints.
        speed: milliseconds per picture for ``preprocess``, ``inference``, ``loss`` and ``postprocess``.
        save_dir: folder of the run; None when nothing is saved.
        coco: scores by the COCO protocol, by key ("metrics/COCO-AP(P)", ...); empty when they do not apply.
        keypoints: table of errors per keypoint; None when there is none.
    """

    task: str
    names: Mapping[int, str]
    parts: Mapping[str, PartMetrics]
    nt_per_class: Integers
    nt_per_image: Integers
    seen: int
    confusion_matrix: ConfusionMatrix
    sigmas: SigmaChoice | tuple[float, ...] | None = None
    speed: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("preprocess", "inference", "loss", "postprocess"), 0.0)
    )
    save_dir: Path | None = None
    coco: dict[str, float] = field(default_factory=dict)
    keypoints: PerKeypoint | None = None

    def __getattr__(self, name: str) -> PartMetrics:
        parts: Mapping[str, PartMetrics] = self.__dict__.get("parts", {})
        if name in parts:
            return parts[name]
        raise unknown_attribute(self, name, also=parts)

    def __repr__(self) -> str:
        parts = ", ".join(f"{name}={part!r}" for name, part in self.parts.items())
        return f"Metrics({self.task!r}, {self.seen} pictures, {parts}, fitness={self.fitness:.5g})"

    @property
    def kinds(self) -> tuple[PartKind, ...]:
        """What the parts compare, in order."""
        return kinds_of(self.task)

    @property
    def keys(self) -> list[str]:
        """Names of `mean_results`."""
        return [key for kind in self.kinds for key in kind.keys]

    def mean_results(self) -> list[float]:
        """Return precision, recall, mAP50 and mAP50-95 of each part."""
        return [value for part in self.parts.values() for value in part.mean_results()]

    def class_result(self, i: int) -> tuple[float, ...]:
        """Return precision, recall, AP50 and AP50-95 of each part for row `i`, class ``ap_class_index[i]``.

        They are NaN where a part has nothing to score, such as keypoints of a class without any.
        """
        number = int(self.ap_class_index[i])
        found = ((part, part.row_of(number)) for part in self.parts.values())
        nothing = (np.nan,) * 4
        return tuple(value for part, row in found for value in (nothing if row is None else part.class_result(row)))

    @property
    def fitness(self) -> float:
        """What training maximises: the sum of mAP50-95 of the parts."""
        return sum(part.fitness() for part in self.parts.values())

    @property
    def results_dict(self) -> dict[str, float]:
        """The mean results by key, then ``fitness``, then what `coco` holds."""
        return dict(zip(self.keys, self.mean_results(), strict=True)) | {"fitness": self.fitness} | self.coco

    @property
    def maps(self) -> Doubles:
        """(nc,) sum of the parts' mAP50-95 per class number."""
        return np.asarray(sum(part.maps for part in self.parts.values()))

    @property
    def ap_class_index(self) -> Integers:
        """(C,) class numbers of the rows: the classes that have labels."""
        return self.parts[BOX.name].ap_class_index

    @property
    def curves(self) -> list[str]:
        """Names of `curves_results`."""
        return [name for kind in self.kinds for name in kind.curve_names]

    @property
    def curves_results(self) -> list[list[Any]]:
        """Curves of all parts, each ``[x, y, label of x, label of y]``."""
        return [curve for part in self.parts.values() for curve in part.curves_results]

    def summary(self, normalize: bool = False, decimals: int = 5) -> list[Row]:
        """Return one row per labelled class; the mAP columns are those of the boxes.

        Values are None where a part has nothing to score, such as keypoints of a class without any. `normalize` is
        without effect: all values are shares already.
        """
        return [self._row(i, int(number), decimals) for i, number in enumerate(self.ap_class_index)]

    def _row(self, i: int, number: int, decimals: int) -> Row:
        row: Row = {"Class": self.names[number]}
        row |= {"Images": int(self.nt_per_image[number]), "Instances": int(self.nt_per_class[number])}
        for kind, part in zip(self.kinds, self.parts.values(), strict=True):
            keys, place = [f"{kind.title}-{value}" for value in ("P", "R", "F1")], part.row_of(number)
            if place is None:
                row |= dict.fromkeys(keys)
                continue
            values = dict(zip(keys, (part.p[place], part.r[place], part.f1[place]), strict=True))
            if kind is BOX:
                values |= {"mAP50": part.ap50[i], "mAP75": part.all_ap[i, 5], "mAP50-95": part.ap[i]}
            row |= {key: round(float(value), decimals) for key, value in values.items()}
        return row


def header(metrics: Metrics) -> str:
    """Return the line of column titles."""
    titles = ["Images", "Instances"]
    for kind in metrics.kinds:
        titles += [f"{kind.title}(P", "R", "mAP50", "mAP50-95)"]
    return _line("Class", titles)


def rows(metrics: Metrics, *, per_class: bool) -> list[str]:
    """Return the row of all classes, and with `per_class` one for every labelled class of a model that has several."""
    lines = [_row("all", metrics.seen, int(metrics.nt_per_class.sum()), metrics.mean_results())]
    if per_class and len(metrics.names) > 1:
        lines += [
            _row(metrics.names[number], metrics.nt_per_image[number], metrics.nt_per_class[number], values)
            for number, values in ((int(c), metrics.class_result(i)) for i, c in enumerate(metrics.ap_class_index))
        ]
    return lines


def _row(name: str, pictures: int, objects: int, values: Sequence[float]) -> str:
    scores = ("-" if isnan(value) else f"{value:.3g}" for value in values)
    return _line(name, [f"{pictures:d}", f"{objects:d}", *scores])


def _line(first: str, others: Sequence[str]) -> str:
    wide, narrow = WIDTHS
    return first.rjust(wide) + "".join(text.rjust(narrow) for text in others)
