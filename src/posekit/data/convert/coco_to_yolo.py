"""COCO JSON becomes label files."""

import re
from collections.abc import Sequence
from pathlib import Path

from posekit.data.annotation import AnnotationSet
from posekit.data.coco.class_numbers import ClassNumbers
from posekit.data.coco.read_coco import read_coco
from posekit.data.convert.picture_transfer import PictureTransfer
from posekit.data.convert.write_yolo import write_yolo
from posekit.data.convert.written import Written
from posekit.errors import DatasetError, DatasetNotFoundError

# What tools put before the name of the split.
_PREFIXES = ("person_keypoints_", "instances_")
_SPLIT_WORD = re.compile(r"(?<![a-z])(train|valid|val|test)", re.IGNORECASE)
_EXPORTED_NAME = "_annotations.coco"


def coco_to_yolo(
    source: Path,
    out: Path,
    *,
    task: str = "pose",
    image_dirs: Sequence[Path] = (),
    class_numbers: ClassNumbers = "rank",
    pictures: PictureTransfer = "link",
) -> Written:
    """Convert COCO JSON to a data set in YOLO form; the folder appears complete or not at all.

    Each file becomes one split: ``train``, ``val`` or ``test`` when its name says so, else its own name. Crowds, and
    for "pose" objects without a labelled keypoint, are left out and counted.

    Args:
        source: a COCO JSON file, or a folder of which all ``*.json``, or those in ``annotations/`` or in the folders
            of splits, are converted.
        out: a new or empty folder.
        task: "detect", "segment", "pose" or "multitask": which rows to write.
        image_dirs: folders to look for pictures in first.
        class_numbers: "rank": categories in ascending order of their ids become 0, 1, ...; "coco80": COCO's ids 1 to
            90 become the 80 classes; "id": id - 1.
        pictures: "link" (hard links, which take no space; copies across disks), "copy" or "none".

    Returns:
        The path of ``data.yaml``, and what was written and left out.

    Raises:
        DatasetNotFoundError: there is no such file, or no JSON in the folder.
        DatasetError: a file is no COCO ground truth, or the files contradict each other.
        OutputError: the folder holds something already, or cannot be written.
        UnknownChoiceError: `class_numbers` or `pictures` is none of its choices.
    """
    splits: dict[str, AnnotationSet] = {}
    for path in find_coco_files(source):
        name = split_name(path)
        if name in splits:
            raise DatasetError(
                f"{source}: two files would become the split {name}, one is {path.name}; convert one each"
            )
        splits[name] = read_coco(
            path,
            image_dirs=image_dirs,
            task=task,
            find_pictures=pictures != "none",
            class_numbers=class_numbers,
        )
    return write_yolo(splits, out, task=task, pictures=pictures)


def find_coco_files(source: Path) -> list[Path]:
    """Return the JSON files that a file or folder names, sorted.

    Raises:
        DatasetNotFoundError: there are none.
    """
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise DatasetNotFoundError(f"{source}: there is no such file or folder")
    for pattern in ("*.json", "annotations/*.json", "*/_annotations.coco.json"):
        found = sorted(path for path in source.glob(pattern) if not path.name.startswith("."))
        if found:
            return found
    raise DatasetNotFoundError(
        f"{source}: the folder holds no JSON file, nor do annotations/ and the folders of splits"
    )


def split_name(path: Path) -> str:
    """Return the split that a COCO file is: "train", "val", "test", or its name without the usual prefix."""
    stem = path.parent.name if path.stem == _EXPORTED_NAME else path.stem
    for prefix in _PREFIXES:
        stem = stem.removeprefix(prefix)
    word = _SPLIT_WORD.search(stem)
    if word is None:
        return stem
    return word[1].lower().replace("valid", "val")
