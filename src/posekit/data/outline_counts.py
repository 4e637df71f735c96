"""Whether the objects of a split have the outlines that its task needs."""

from collections.abc import Sequence
from dataclasses import replace

from posekit.data.labels import PictureLabels
from posekit.errors import DatasetError
from posekit.log import LOGGER


def settle_outlines(pictures: Sequence[PictureLabels], *, task: str, source: str) -> tuple[PictureLabels, ...]:
    """Return the pictures with outlines for all objects or, but for "multitask", for none.

    Args:
        pictures: as read from label files.
        task: "segment" needs outlines; "detect" and "pose" drop them when some object lacks one.
        source: name of the data set, for messages.

    Raises:
        DatasetError: the task is "segment" and an object has no outline.
    """
    if task == "multitask" or all(labels.polygons is None for labels in pictures):
        return tuple(pictures)
    objects = sum(map(len, pictures))
    outlined = sum(_outlines(labels) for labels in pictures)
    if objects == outlined:
        return tuple(replace(labels, polygons=labels.polygons or ()) for labels in pictures)
    lacking = next(labels.path for labels in pictures if _outlines(labels) < len(labels))
    told = f"{outlined} of its {objects} objects have an outline (one of {lacking} has none)"
    if task == "segment":
        raise DatasetError(
            f"{source}: {told}, but the task segment needs one for each: label rows of class x1 y1 x2 y2 x3 y3 ..."
        )
    LOGGER.warning("%s: %s; no outline is used, only the boxes", source, told)
    return tuple(replace(labels, polygons=None) for labels in pictures)


def _outlines(labels: PictureLabels) -> int:
    return sum(len(polygon) > 0 for polygon in labels.polygons or ())
