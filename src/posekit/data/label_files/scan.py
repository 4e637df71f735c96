"""Read the label files of many pictures."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from posekit.config.task_parts import TASKS_WITH_KEYPOINTS, TASKS_WITH_OUTLINES
from posekit.data.label_files.file_bytes import count_rows, read_label_bytes
from posekit.data.label_files.label_file import LabelFile
from posekit.data.label_files.parse import parse_labels
from posekit.data.label_files.rule import LabelRule
from posekit.data.labels import Floats, PictureLabels
from posekit.data.picture_files import label_file_name
from posekit.data.picture_header import picture_size
from posekit.data.problem import Problem
from posekit.data.split import ScanReport
from posekit.errors import MissingExtraError, PosekitError

# Code of problems whose cause is not in the file: a package that is missing, a permission.
UNAVAILABLE = "unavailable"


@dataclass(frozen=True, kw_only=True, eq=False)
class Scan:
    """What the label files of many pictures hold.

    Attributes:
        pictures: those that can be used, in the order asked for.
        report: counts and problems.
    """

    pictures: tuple[PictureLabels, ...]
    report: ScanReport


@dataclass(frozen=True, kw_only=True, eq=False)
class _Reading:
    """One picture: its labels unless it is left out, the rows of its label file (None without one), the problems."""

    labels: PictureLabels | None
    rows: int | None
    problems: tuple[Problem, ...] = ()


def scan_label_files(pictures: Sequence[str], rule: LabelRule) -> Scan:
    """Read the headers of pictures and their label files.

    Pictures without a label file, or with one without rows, are background. A picture is left out when it, or
    anything in its label file, cannot be used.

    Args:
        pictures: names of picture files.
        rule: what the rows of label files are expected to hold.
    """
    readings = [_read(picture, rule) for picture in pictures]
    problems = tuple(problem for reading in readings for problem in reading.problems)
    kept = tuple(reading.labels for reading in readings if reading.labels is not None)
    missing = sum(reading.rows is None for reading in readings)
    report = ScanReport(
        found=len(readings) - missing,
        missing=missing,
        empty=sum(reading.rows == 0 and reading.labels is not None for reading in readings),
        corrupt=len(readings) - len(kept),
        objects=sum(len(labels) for labels in kept),
        dropped=sum(problem.objects for problem in problems),
        problems=problems,
    )
    return Scan(pictures=kept, report=report)


def _read(picture: str, rule: LabelRule) -> _Reading:
    file = label_file_name(picture)
    data = read_label_bytes(file)
    if isinstance(data, Problem):
        return _Reading(labels=None, rows=0, problems=(data,))
    try:
        size = picture_size(picture)
    except PosekitError as error:
        return _without_picture(picture, data, error)
    label_file = LabelFile() if data is None else parse_labels(data, rule, file)
    rows = None if data is None else label_file.rows
    labels = None if label_file.is_corrupt else _labels_of(picture, size, label_file, rule)
    return _Reading(labels=labels, rows=rows, problems=label_file.problems)


def _without_picture(picture: str, data: bytes | None, error: PosekitError) -> _Reading:
    rows = None if data is None else count_rows(data)
    message = str(error).removeprefix(f"{picture}: ")
    lost = f" with its {rows} object{'s' if rows != 1 else ''}" if rows else ""
    elsewhere = isinstance(error, MissingExtraError) or (os.path.lexists(picture) and not os.access(picture, os.R_OK))
    problem = Problem(
        file=picture, message=f"{message}; the picture is left out{lost}",
        code=UNAVAILABLE if elsewhere else "picture", objects=rows or 0, picture=True,
    )  # fmt: skip
    return _Reading(labels=None, rows=rows, problems=(problem,))


def _labels_of(picture: str, size: tuple[int, int], label_file: LabelFile, rule: LabelRule) -> PictureLabels:
    keypoints, polygons = label_file.keypoints, label_file.polygons
    if keypoints is None and rule.kpt_shape and rule.task in TASKS_WITH_KEYPOINTS:
        keypoints = np.zeros((0, rule.kpt_shape[0], 3), np.float32)
    if polygons is None and rule.task in TASKS_WITH_OUTLINES:
        polygons = tuple(_no_polygon() for _ in label_file.classes)
    return PictureLabels(
        path=picture,
        size=size,
        classes=np.zeros_like(label_file.classes) if rule.single_cls else label_file.classes,
        boxes=label_file.boxes,
        keypoints=keypoints,
        polygons=polygons,
    )


def _no_polygon() -> Floats:
    return np.zeros((0, 2), np.float32)
