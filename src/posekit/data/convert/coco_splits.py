"""The COCO JSON files of a data set, one per split."""

import re
from collections.abc import Sequence
from pathlib import Path

from posekit.data.annotation import AnnotationSet
from posekit.data.coco.class_numbers import ClassNumbers
from posekit.data.coco.read_coco import read_coco
from posekit.errors import DatasetError, DatasetNotFoundError

# What tools put before the name of the split.
_PREFIXES = ("person_keypoints_", "instances_")
_SPLIT_WORD = re.compile(r"(?<![a-z])(train|valid|val|test)", re.IGNORECASE)
_EXPORTED_NAME = "_annotations.coco"


def read_coco_splits(
    source: Path, *, task: str, image_dirs: Sequence[Path], find_pictures: bool, class_numbers: ClassNumbers
) -> dict[str, AnnotationSet]:
    """Return the annotations of a file or folder of COCO JSON by split; the other arguments are those of `read_coco`.

    Raises:
        DatasetNotFoundError: there is no such file, or no JSON in the folder.
        DatasetError: a file is no COCO ground truth, or two files are the same split.
        UnknownChoiceError: `class_numbers` is none of its choices.
    """
    splits: dict[str, AnnotationSet] = {}
    for path in find_coco_files(source):
        name = split_name(path)
        if name in splits:
            raise DatasetError(
                f"{source}: two files would become the split {name}, one is {path.name}: convert one each"
            )
        splits[name] = read_coco(
            path, image_dirs=image_dirs, task=task, find_pictures=find_pictures, class_numbers=class_numbers
        )
    return splits


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
