"""The confusion matrix: what objects of each class were taken for."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from posekit.metrics.average_precision import Doubles
from posekit.metrics.matching import Hits, assign, joined, ordered_pairs
from posekit.metrics.parts import BOX, Floats, Truth
from posekit.metrics.tabular import Row, Tabular
from posekit.results.detected import Arrays

# A detection may only be matched with an object whose box it overlaps more than this.
MIN_IOU = 0.45
BACKGROUND = "background"


class ConfusionMatrix(Tabular):
    """Counts of detections and objects by class, matched by their boxes and whatever their classes.

    Attributes:
        names: class name by number.
        matrix: (nc + 1, nc + 1) float64 ``[predicted, true]``. The last row counts missed objects, the last column
            detections where there is no object.
    """

    def __init__(self, names: Mapping[int, str]) -> None:
        self.names = dict(names)
        size = max(names, default=-1) + 2
        self.matrix: Doubles = np.zeros((size, size))

    def process(
        self,
        truths: Sequence[Truth],
        founds: Sequence[Arrays],
        conf: float,
        overlaps: Sequence[Floats] | None = None,
    ) -> None:
        """Count some pictures; detections, in falling score, have to score more than `conf`.

        `overlaps` is the (M, N) IoU of the boxes per picture, when it is known already.
        """
        if overlaps is None:
            nothing = np.empty(0, np.float32)
            overlaps = [BOX.compare(truth, found, nothing) for truth, found in zip(truths, founds, strict=True)]
        kept = [found.scores > conf for found in founds]
        possible = [(overlap > MIN_IOU) & marks for overlap, marks in zip(overlaps, kept, strict=True)]
        pairs = ordered_pairs(overlaps, possible)
        once: Hits = np.ones(len(pairs.detections), np.uint16)
        won = assign(pairs, once).astype(bool)
        detections, objects = pairs.detections[won], pairs.objects[won]
        true = joined((truth.classes for truth in truths), np.int64)
        predicted = joined((found.classes for found in founds), np.int64)
        unmatched = joined(kept, np.bool_)
        unmatched[detections] = False
        size = len(self.matrix)
        np.add.at(self.matrix, (predicted[detections], true[objects]), 1)
        self.matrix[:, -1] += np.bincount(predicted[unmatched], minlength=size)
        self.matrix[-1] += np.bincount(np.delete(true, objects), minlength=size)

    def tp_fp(self) -> tuple[Doubles, Doubles]:
        """Return (nc,) right and (nc,) wrong detections of each class."""
        right = self.matrix.diagonal()[:-1].copy()
        return right, self.matrix[:-1].sum(1) - right

    def normalized(self) -> Doubles:
        """Return the matrix divided by the sums of its columns; columns without counts stay 0."""
        sums = self.matrix.sum(0)
        return self.matrix / np.where(sums, sums, 1)

    def summary(self, normalize: bool = False, decimals: int = 5) -> list[Row]:
        """Return one row per predicted class, the background last: ``Predicted`` and a value for each true class.

        With `normalize` values are shares of each true class instead of counts.
        """
        values = self.normalized() if normalize else self.matrix
        keys = plain_names([*self._class_names(), BACKGROUND])
        return [
            {"Predicted": key, **{name: round(value, decimals) for name, value in zip(keys, row, strict=True)}}
            for key, row in zip(keys, values.tolist(), strict=True)
        ]

    def plot(self, normalize: bool = True, save_dir: str | Path = ".") -> Path:
        """Draw the matrix into ``confusion_matrix_normalized.png`` or ``confusion_matrix.png``; return its path."""
        from posekit.viz.validation_charts import save_confusion_matrix

        path = Path(save_dir) / f"confusion_matrix{'_normalized' if normalize else ''}.png"
        save_confusion_matrix(self.matrix, self._class_names(), path, normalize=normalize)
        return path

    def _class_names(self) -> list[str]:
        return [self.names.get(number, str(number)) for number in range(len(self.matrix) - 1)]


def plain_names(names: Iterable[str]) -> list[str]:
    """Return the names with letters, digits and ``_`` only; names that come again get ``_1``, ``_2``, ..."""
    plain: dict[str, None] = {}
    for name in names:
        clean = "".join(char if char.isalnum() else "_" for char in name)
        number, unique = 0, clean
        while unique in plain:
            number += 1
            unique = f"{clean}_{number}"
        plain[unique] = None
    return list(plain)
