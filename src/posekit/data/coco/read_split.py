"""Reads COCO JSON files as one split of a data set."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from posekit.data.annotation import AnnotationSet
from posekit.data.coco.picture_search import PictureSearch
from posekit.data.coco.read_coco import read_coco
from posekit.data.coco.to_labels import to_labels
from posekit.data.differing_part import differing_part
from posekit.data.labels import PictureLabels
from posekit.data.problem import Problem
from posekit.data.problem_list import ProblemList
from posekit.data.split import ScanReport, Split
from posekit.errors import DatasetError, DatasetNotFoundError


def read_coco_split(
    paths: Sequence[Path],
    *,
    image_dirs: Sequence[Path] = (),
    task: str = "pose",
    single_cls: bool = False,
    split_name: str = "val",
) -> Split:
    """Read one or more COCO JSON files as the labels of a split; no label files are written.

    The labels are those that `coco_to_yolo` would write, without the rounding.

    Args:
        paths: at least one file; all with the same classes and keypoints.
        image_dirs: folders to look for pictures in first.
        task: "detect", "segment", "pose" or "multitask".
        single_cls: take all classes for one.
        split_name: "train", "val" or "test".

    Returns:
        Pictures in the order of the files; `truth` is the file when there is only one.

    Raises:
        DatasetNotFoundError: a file does not exist, or none of its pictures was found.
        DatasetError: a file is no COCO ground truth, the files contradict each other, or the task needs keypoints
            and there are none.
    """
    if not paths:
        raise DatasetError(f"the split {split_name} names no COCO JSON file")
    sets = [read_coco(path, image_dirs=image_dirs, task=task) for path in paths]
    pictures: list[PictureLabels] = []
    problems: list[Problem] = []
    for path, annotations in zip(paths, sets, strict=True):
        _check_same(paths[0], sets[0], path, annotations)
        _check_found(path, annotations, image_dirs)
        found = ProblemList(str(path))
        pictures += to_labels(annotations, task=task, problems=found)
        problems += (*annotations.problems, *found.all())
    names = sets[0].names
    if single_cls and len(names) > 1:
        names = {0: "item"}
        pictures = [replace(picture, classes=np.zeros_like(picture.classes)) for picture in pictures]
    return Split(
        name=split_name,
        pictures=tuple(pictures),
        names=names,
        schema=sets[0].schema,
        report=_report(sets, pictures, problems),
        truth=paths[0] if len(paths) == 1 else None,
    )


def _check_same(first_path: Path, first: AnnotationSet, path: Path, annotations: AnnotationSet) -> None:
    difference = differing_part(first, annotations)
    if difference:
        raise DatasetError(f"{path}: has other {difference} than {first_path}; the files of one split must agree")


def _check_found(path: Path, annotations: AnnotationSet, image_dirs: Sequence[Path]) -> None:
    """Refuse a file of which no picture exists: then the folder is wrong, not the pictures."""
    if not annotations.pictures or any(picture.path for picture in annotations.pictures):
        return
    places = ", ".join(str(place) for place in PictureSearch(path, image_dirs).places)
    raise DatasetNotFoundError(
        f"{path}: none of its {len(annotations.pictures)} pictures was found, such as "
        f"{annotations.pictures[0].file_name}. Looked in {places}, and in images there; name the picture folder"
    )


def _report(
    sets: Sequence[AnnotationSet], pictures: Sequence[PictureLabels], problems: Sequence[Problem]
) -> ScanReport:
    corrupt = sum(problem.picture for problem in problems)
    empty = sum(not picture.objects for annotations in sets for picture in annotations.pictures)
    return ScanReport(
        found=sum(len(annotations.pictures) for annotations in sets),
        empty=empty,
        corrupt=corrupt,
        objects=sum(map(len, pictures)),
        dropped=sum(problem.objects for problem in problems),
        problems=tuple(problems),
    )
