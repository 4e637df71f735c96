"""Objects in pixels become rows as label files have them: fractions of the picture, one outline per object."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from posekit.config.commands import TASKS_WITH_KEYPOINTS, TASKS_WITH_OUTLINES
from posekit.data.annotation import AnnotationSet, Box, ObjectAnnotation, PictureAnnotation, Points, derive_box
from posekit.data.find_pictures import usable_pictures
from posekit.data.labels import PictureLabels
from posekit.errors import DatasetError
from posekit.files.problems import ProblemList
from posekit.ops.polygons import join_contours

# Label files may hold coordinates this far outside the picture, as a share of its side.
TOLERANCE = 0.01

# Nothing is wrong with such objects: one problem counts them all.
_ORDINARY = frozenset({"crowd", "no_labelled_keypoint"})


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelRow:
    """One object in fractions of its picture's width and height.

    Attributes:
        label: class number.
        box: (4,) float64 centre x, centre y, width, height.
        keypoints: (K, 3) float64 x, y, visibility; None when the task has none.
        polygon: vertices (V, 2) float64; None when the task has none, and for "multitask" when the object has none.
    """

    label: int
    box: Points
    keypoints: Points | None = None
    polygon: Points | None = None

    def values(self) -> tuple[float, ...]:
        """Return everything as one flat tuple, equal for equal rows."""
        optional = [part.ravel() for part in (self.keypoints, self.polygon) if part is not None]
        return (self.label, *np.concatenate([self.box, *optional]).tolist())


class _LeftOutError(Exception):
    """An object that labels do not hold; the arguments are reason and code."""


@dataclass(frozen=True, kw_only=True)
class LabelRows:
    """Makes label rows for one task.

    Attributes:
        task: "detect", "segment", "pose" or "multitask": which parts a row has.
        keypoints: K, the points of objects that have none.
        problems: takes what is left out or changed.
    """

    task: str
    keypoints: int
    problems: ProblemList

    def of(self, picture: PictureAnnotation) -> list[LabelRow]:
        """Return the objects of a picture as label files hold them.

        Left out are crowds, repetitions, boxes outside the picture, and for "pose" objects without a labelled
        keypoint. What reaches more than `TOLERANCE` outside the picture is cut at its edge; such keypoints become
        unlabelled.
        """
        rows: dict[tuple[float, ...], LabelRow] = {}
        for position, found in enumerate(picture.objects):
            place = f"object {position + 1} of {picture.file_name}"
            try:
                row = self._row(found, picture.size, place)
                if rows.setdefault(row.values(), row) is not row:
                    raise _LeftOutError("repeats another object of its picture", "duplicate_object")
            except _LeftOutError as error:
                self._leave_out(place, *error.args)
        return list(rows.values())

    def _leave_out(self, place: str, text: str, code: str) -> None:
        if code in _ORDINARY:
            self.problems.tally(place, text, code, left_out=True)
        else:
            self.problems.add(place, text, code, objects=1)

    def _row(self, found: ObjectAnnotation, size: tuple[int, int], place: str) -> LabelRow:
        if found.crowd:
            raise _LeftOutError("crowds are no single objects and are not part of labels", "crowd")
        scale = np.array(size[::-1], np.float64)
        keypoints = self._keypoints(found, scale, place) if self.task in TASKS_WITH_KEYPOINTS else None
        if self.task == "pose" and keypoints is not None and not keypoints[:, 2].any():
            raise _LeftOutError("no labelled keypoint, so not part of pose labels", "no_labelled_keypoint")
        polygon = None
        if self.task in TASKS_WITH_OUTLINES and found.parts:
            polygon = self._cut(join_contours(found.parts) / scale, place, "the outline")
            corners = np.stack((polygon.min(0), polygon.max(0)))
        else:
            corners = self._cut(self._corners(found, size, place) / scale, place, "the box")
        if not (corners[1] > corners[0]).all():
            raise _LeftOutError("nothing of its box lies inside the picture", "box_outside")
        if self.task == "segment" and polygon is None:
            self.problems.tally(place, "no outline: the box takes its place", "outline_from_box", left_out=False)
            (x1, y1), (x2, y2) = corners.tolist()
            polygon = np.array(((x1, y1), (x2, y1), (x2, y2), (x1, y2)))
        box = np.concatenate((corners.sum(0) / 2, corners[1] - corners[0]))
        return LabelRow(label=found.label, box=box, keypoints=keypoints, polygon=polygon)

    def _keypoints(self, found: ObjectAnnotation, scale: Points, place: str) -> Points:
        if found.keypoints is None:
            return np.zeros((self.keypoints, 3))
        points = found.keypoints.copy()
        points[:, :2] /= scale
        inside = ((points[:, :2] >= -TOLERANCE) & (points[:, :2] <= 1 + TOLERANCE)).all(1)
        if (points[~inside, 2] > 0).any():
            text = "keypoints outside the picture become unlabelled"
            self.problems.tally(place, text, "keypoint_outside", left_out=False)
        points[~inside] = 0
        return points

    def _corners(self, found: ObjectAnnotation, size: tuple[int, int], place: str) -> Points:
        """Return two corners (2, 2) in pixels."""
        box: Box | None = found.box
        if box is None:
            derived = derive_box(found.parts, found.keypoints, size)
            if derived is None:
                raise _LeftOutError("no box, and nothing to derive one from", "no_box")
            self.problems.tally(place, f"no box: {derived.how} is used", derived.code, left_out=False)
            box = derived.box
        return np.array(box, np.float64).reshape(2, 2)

    def _cut(self, points: Points, place: str, what: str) -> Points:
        """Move what lies further outside the picture than the tolerance onto its edge."""
        if ((points >= -TOLERANCE) & (points <= 1 + TOLERANCE)).all():
            return points
        text = f"{what} reaches outside the picture and is cut at its edge"
        self.problems.tally(place, text, "cut_at_edge", left_out=False)
        return points.clip(0, 1)


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
    polygons = [np.zeros((0, 2)) if row.polygon is None else row.polygon for row in rows]
    return PictureLabels(
        path=str(picture.path),
        size=picture.size,
        classes=np.array([row.label for row in rows], np.int64),
        boxes=np.array([row.box for row in rows], np.float32).reshape(-1, 4),
        keypoints=np.array(points, np.float32).reshape(-1, count, 3) if task in TASKS_WITH_KEYPOINTS else None,
        polygons=tuple(polygon.astype(np.float32) for polygon in polygons) if task in TASKS_WITH_OUTLINES else None,
    )
