"""COCO JSON becomes label files."""

from collections.abc import Sequence
from pathlib import Path

from posekit.data.coco.class_numbers import ClassNumbers
from posekit.data.convert.coco_splits import read_coco_splits
from posekit.data.convert.picture_transfer import PictureTransfer
from posekit.data.convert.write_yolo import write_yolo
from posekit.data.convert.written import Written


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
    splits = read_coco_splits(
        source, task=task, image_dirs=image_dirs, find_pictures=pictures != "none", class_numbers=class_numbers
    )
    return write_yolo(splits, out, task=task, pictures=pictures)
