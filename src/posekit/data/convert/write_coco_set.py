"""Writes annotations as COCO JSON with their pictures."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from posekit.data.annotated_pictures import usable_pictures
from posekit.data.annotation import AnnotationSet, PictureAnnotation
from posekit.data.convert.picture_names import PictureNames
from posekit.data.convert.picture_transfer import PictureTransfer, bring_picture, check_transfer
from posekit.data.convert.write_coco import write_coco
from posekit.data.convert.written import Written, require_pictures
from posekit.data.problem_list import ProblemList
from posekit.errors import DatasetError
from posekit.files.new_folder import new_folder


def write_coco_set(splits: Mapping[str, AnnotationSet], folder: Path, *, pictures: PictureTransfer = "link") -> Written:
    """Write each split as ``<split>.json``, pictures as ``images/<split>/...``; complete or not at all.

    Args:
        splits: annotations by the name of their split.
        folder: a new or empty folder.
        pictures: "link" (hard links; copies across disks), "copy" or "none". Without "none", pictures that were not
            found, cannot be read or are of another size than their annotations are left out.

    Returns:
        The folder, and what was written and left out in all splits.

    Raises:
        DatasetError: there is no picture to write.
        OutputError: the folder holds something already, or cannot be written.
        UnknownChoiceError: `pictures` is none of its choices.
    """
    check_transfer(pictures)
    if not any(annotations.pictures for annotations in splits.values()):
        raise DatasetError("there is no picture to write: nothing in the annotations can be used")
    parts = []
    with new_folder(folder) as draft:
        for split, annotations in splits.items():
            brought = annotations if pictures == "none" else _bring(annotations, draft / "images" / split, pictures)
            parts.append(write_coco(brought, draft / f"{split}.json"))
        total = sum(part.pictures for part in parts)
        problems = tuple(problem for part in parts for problem in part.problems)
        require_pictures(total, problems)
    return Written(path=folder, pictures=total, objects=sum(part.objects for part in parts), problems=problems)


def _bring(annotations: AnnotationSet, target: Path, how: PictureTransfer) -> AnnotationSet:
    """Bring the usable pictures to `target`, and return their annotations under their new names."""
    problems, names = ProblemList(target.name), PictureNames()
    brought: list[PictureAnnotation] = []
    for picture in usable_pictures(annotations.pictures, problems):
        name = str(names.claim(picture.file_name))
        if picture.path is not None:
            bring_picture(picture.path, target / name, how)
        brought.append(replace(picture, file_name=name))
    return replace(annotations, pictures=tuple(brought), problems=(*annotations.problems, *problems.all()))
