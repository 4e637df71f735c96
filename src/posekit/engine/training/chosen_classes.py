"""Leaves objects of some classes only, for the setting ``classes``."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import compress

import numpy as np

from posekit.data.labels import PictureLabels
from posekit.data.split import Split


def with_classes(split: Split, classes: Sequence[int] | None) -> Split:
    """Return a split without the objects of other classes; all pictures stay. None keeps everything."""
    if classes is None:
        return split
    return replace(split, pictures=tuple(_filtered(picture, classes) for picture in split.pictures))


def _filtered(labels: PictureLabels, classes: Sequence[int]) -> PictureLabels:
    kept = np.isin(labels.classes, classes)
    return replace(
        labels,
        classes=labels.classes[kept],
        boxes=labels.boxes[kept],
        keypoints=None if labels.keypoints is None else labels.keypoints[kept],
        polygons=None if labels.polygons is None else tuple(compress(labels.polygons, kept)),
    )
