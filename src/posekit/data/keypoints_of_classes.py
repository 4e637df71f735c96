"""Labels of keypoints that a class does not have: they are padding, whatever a file says of them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from posekit.data.labels import PictureLabels
from posekit.log import LOGGER
from posekit.schema import KeypointSchema


def without_padding(
    pictures: Sequence[PictureLabels], schema: KeypointSchema | None, source: str
) -> tuple[PictureLabels, ...]:
    """Return the pictures with padding unlabelled, at (0, 0); a warning counts the labels that were there.

    Args:
        pictures: their labels.
        schema: the keypoints of the data set, which tells the points of each class; None without.
        source: name of the data set, for the warning.
    """
    if schema is None or schema.class_points is None:
        return tuple(pictures)
    cleared = [_cleared(labels, schema) for labels in pictures]
    lost = sum(count for _, count in cleared)
    if lost:
        LOGGER.warning("%s: %d labels of keypoints that their classes do not have are left out", source, lost)
    return tuple(labels for labels, _ in cleared)


def _cleared(labels: PictureLabels, schema: KeypointSchema) -> tuple[PictureLabels, int]:
    """Return the labels without padding, and how many points of it had a label."""
    if labels.keypoints is None:
        return labels, 0
    counts = np.array([schema.points_of(label) for label in labels.classes.tolist()], np.int64)
    padding = np.arange(schema.count) >= counts[:, None]  # (N, K)
    labelled = int((labels.keypoints[..., 2] * padding > 0).sum())
    return replace(labels, keypoints=np.where(padding[..., None], np.float32(0), labels.keypoints)), labelled
