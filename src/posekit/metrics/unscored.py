"""What a part leaves out of its scores: objects of which nobody knows what it compares, and their detections."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posekit.metrics.box_pairs import matched_pairs
from posekit.metrics.joined import joined
from posekit.metrics.matching import Bools, Hits
from posekit.metrics.picture import Found, Truth


@dataclass(frozen=True, eq=False)
class Unscored:
    """What a part leaves out of M objects and N detections of some pictures.

    Attributes:
        objects: (M,) bool.
        detections: (N,) bool.
    """

    objects: Bools
    detections: Bools

    def moved(self, objects: NDArray[np.int64], detections: NDArray[np.int64]) -> "Unscored":
        """Return the same of the objects and detections with these numbers, in this order."""
        return Unscored(self.objects[objects], self.detections[detections])


def find_unscored(known: Sequence[Bools], truths: Sequence[Truth], founds: Sequence[Found], hits: Hits) -> Unscored:
    """Return what a part leaves out of some pictures.

    Left out are the objects of which nobody knows what the part compares, and the detections that belong to them by
    their boxes, unless the part takes such a detection for another object.

    Args:
        known: (M,) of each picture, for which objects the labels say what is compared.
        truths, founds: the pictures.
        hits: (N,) of all detections, from similarities that are 0 for unknown objects.
    """
    lost = [_detections_of(~those, truth, found) for those, truth, found in zip(known, truths, founds, strict=True)]
    return Unscored(~joined(known, np.bool_), joined(lost, np.bool_) & (hits & 1 == 0))


def joined_unscored(parts: Sequence[Mapping[str, Unscored]]) -> dict[str, Unscored]:
    """Return what each part, by name, leaves out of all pictures."""
    names = list(dict.fromkeys(name for part in parts for name in part))
    return {
        name: Unscored(
            joined((part[name].objects for part in parts), np.bool_),
            joined((part[name].detections for part in parts), np.bool_),
        )
        for name in names
    }


def _detections_of(objects: Bools, truth: Truth, found: Found) -> Bools:
    """Return (N,) which detections belong to the given objects (M,) by their boxes."""
    chosen = np.zeros(len(found), np.bool_)
    if objects.any():
        pairs = matched_pairs(truth, found)
        chosen[pairs[objects[pairs[:, 0]], 1]] = True
    return chosen
