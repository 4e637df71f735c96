"""Label files become COCO JSON."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from posekit.data.annotation import AnnotationSet, ObjectAnnotation, PictureAnnotation
from posekit.data.convert.write_coco import write_coco
from posekit.data.convert.written import Written
from posekit.data.labels import PictureLabels
from posekit.data.open_split import open_split
from posekit.data.read_description import read_description
from posekit.data.split import Split
from posekit.errors import DatasetKeyError
from posekit.files.new_folder import new_folder


def yolo_to_coco(
    data: str | Path, out: Path, *, task: str = "pose", splits: Sequence[str] | None = None
) -> dict[str, Written]:
    """Convert a data set in YOLO form to COCO JSON; the folder appears complete or not at all.

    Each split becomes ``<out>/<split>.json``. Pictures stay where they are: ``file_name`` is relative to the root of
    the data set, and absolute for pictures outside.

    Args:
        data: a dataset YAML, or a folder that holds one.
        out: a new or empty folder.
        task: "detect", "segment", "pose" or "multitask": how the label files are read.
        splits: "train", "val", "test"; None for all that the data set has.

    Returns:
        By split, the file and what was written and left out.

    Raises:
        DatasetNotFoundError: the data set, or a part of it, does not exist.
        DatasetError: no picture of a split can be used, or the data set contradicts itself.
        DatasetKeyError: the data set has no such split, or no ``kpt_shape`` for a task with keypoints.
        OutputError: the folder holds something already, or cannot be written.
    """
    description = read_description(data, task=task)
    chosen = tuple(description.splits) if splits is None else tuple(splits)
    if not chosen:
        raise DatasetKeyError(f"{description.source}: names no split to convert")
    opened = {split: open_split(description, split, task=task) for split in chosen}
    with new_folder(out) as draft:
        draft.mkdir(exist_ok=True)
        written = {
            name: write_coco(split_annotations(split, description.root), draft / f"{name}.json")
            for name, split in opened.items()
        }
    return {name: replace(answer, path=out / f"{name}.json") for name, answer in written.items()}


def split_annotations(split: Split, root: Path) -> AnnotationSet:
    """Return the labels of a split as annotations in pixels.

    Args:
        split: with its labels.
        root: the folder that ``file_name`` is relative to, "/" between folders; names of pictures outside are absolute.
    """
    return AnnotationSet(
        names=split.names,
        schema=split.schema,
        pictures=tuple(_picture(labels, root) for labels in split.pictures),
        problems=split.report.problems,
    )


def _picture(labels: PictureLabels, root: Path) -> PictureAnnotation:
    path = Path(labels.path)
    name = path.relative_to(root) if path.is_relative_to(root) else path.absolute()
    return PictureAnnotation(
        file_name=name.as_posix(),
        path=path,
        size=labels.size,
        objects=tuple(_object(labels, index) for index in range(len(labels))),
    )


def _object(labels: PictureLabels, index: int) -> ObjectAnnotation:
    scale = np.array(labels.size[::-1], np.float64)
    box = labels.boxes[index].astype(np.float64)
    near, far = (box[:2] - box[2:] / 2) * scale, (box[:2] + box[2:] / 2) * scale
    keypoints = None
    if labels.keypoints is not None:
        keypoints = labels.keypoints[index].astype(np.float64)
        keypoints[:, :2] *= scale
    outline = labels.polygons[index] * scale if labels.polygons else np.zeros((0, 2))
    return ObjectAnnotation(
        label=int(labels.classes[index]),
        box=(float(near[0]), float(near[1]), float(far[0]), float(far[1])),
        keypoints=keypoints,
        parts=(outline,) if len(outline) else (),
    )
