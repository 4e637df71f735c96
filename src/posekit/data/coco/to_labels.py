"""Annotations in pixels become the labels of a split: what label files would have held, without writing any."""

from collections.abc import Sequence

import numpy as np

from posekit.config.task_parts import TASKS_WITH_KEYPOINTS, TASKS_WITH_OUTLINES
from posekit.data.annotated_pictures import usable_pictures
from posekit.data.annotation import AnnotationSet, PictureAnnotation
from posekit.data.label_rows import LabelRow, LabelRows
from posekit.data.labels import PictureLabels
from posekit.data.problem_list import ProblemList
from posekit.errors import DatasetError


def to_labels(annotations: AnnotationSet, *, task: str, problems: ProblemList) -> list[PictureLabels]:
    """Return the labels of all pictures that can be used; the same that label files made of them would give.

    Crowds, and for "pose" objects without a labelled keypoint, are left out and counted. A picture of which nothing
    is left stays as background.

    Args:
        annotations: pictures with their objects.
        task: "detect", "segment", "pose" or "multitask".
        problems: takes what is left out or changed.

    Raises:
        DatasetError: the task needs keypoints, and there are none.
    """
    if task in TASKS_WITH_KEYPOINTS and annotations.schema is None:
        raise DatasetError(f"{problems.file}: no category has keypoints, which the task {task} needs")
    count = annotations.schema.count if annotations.schema else 0
    rows = LabelRows(task=task, keypoints=count, problems=problems)
    return [
        _picture_labels(picture, rows.of(picture), task, count)
        for picture in usable_pictures(annotations.pictures, problems)
    ]


def _picture_labels(picture: PictureAnnotation, rows: Sequence[LabelRow], task: str, count: int) -> PictureLabels:
    points = [row.keypoints for row in rows if row.keypoints is not None]
    outlines = tuple(np.zeros((0, 2)) if row.outline is None else row.outline for row in rows)
    return PictureLabels(
        path=str(picture.path),
        size=picture.size,
        classes=np.array([row.label for row in rows], np.int64),
        boxes=np.array([row.box for row in rows], np.float32).reshape(-1, 4),
        keypoints=np.array(points, np.float32).reshape(-1, count, 3) if task in TASKS_WITH_KEYPOINTS else None,
        polygons=tuple(outline.astype(np.float32) for outline in outlines) if task in TASKS_WITH_OUTLINES else None,
    )
