"""`Metrics`: the result of a validation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posekit.metrics.attributes import unknown_attribute
from posekit.metrics.average_precision import Doubles
from posekit.metrics.confusion import ConfusionMatrix
from posekit.metrics.part import PartMetrics
from posekit.metrics.part_kinds import BOX, PartKind, kinds_of
from posekit.metrics.per_keypoint import PerKeypoint
from posekit.metrics.tabular import Row, Tabular
from posekit.schema.sigmas import SigmaChoice

Integers = NDArray[np.int64]


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

        Values are None where a part has nothing to score, such as keypoints of a class without any.

        Args:
            normalize: without effect: all values are shares already.
            decimals: of the values.
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
