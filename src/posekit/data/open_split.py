"""Open one split of a data set: its labels read and checked, whatever form they are in."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from posekit.config.commands import TASKS_WITH_KEYPOINTS
from posekit.data.coco.split import find_truth, read_coco_split
from posekit.data.description import DatasetDescription
from posekit.data.find_pictures import label_file_name, list_pictures, share
from posekit.data.label_cache import scan_with_cache
from posekit.data.labels import Labels, Split
from posekit.data.yolo.rows import LabelRule
from posekit.errors import DatasetError, DatasetKeyError
from posekit.log import LOGGER
from posekit.schema.schema import KeypointSchema

# Problems that are printed one by one; all of them are in the report.
SHOWN_PROBLEMS = 10

# The name of all classes taken for one.
ONE_CLASS = {0: "item"}


def open_split(
    description: DatasetDescription,
    split: str,
    *,
    task: str,
    single_cls: bool = False,
    fraction: float = 1.0,
) -> Split:
    """Read the labels of one split, from label files or COCO JSON, and warn of the first problems.

    Args:
        description: the data set.
        split: "train", "val" or "test".
        task: "detect", "segment", "pose" or "multitask".
        single_cls: take all classes for one.
        fraction: the first part of the pictures to take: up to 1.0 a share, a whole number above 1 a count.

    Returns:
        All pictures that can be used. The report of a JSON file is of all its pictures, whatever the fraction.

    Raises:
        DatasetKeyError: the data set has no such split, or no ``kpt_shape`` for a task with keypoints.
        DatasetNotFoundError: a folder or file of the split does not exist, or holds no picture.
        DatasetError: no picture can be used, or the labels are not what the task needs.
    """
    source, places = description.source, description.splits.get(split)
    if not places:
        have = ", ".join(description.splits) or "none"
        raise DatasetKeyError(f"{source}: has no split {split!r}; it has {have}")
    kinds = {place.suffix.lower() == ".json" for place in places}
    if len(kinds) > 1:
        raise DatasetError(f"{source}: a split is either COCO JSON files or folders of pictures, not both")
    read = _open_json if kinds == {True} else _open_label_files
    opened = read(description, split, places, task, single_cls, fraction)
    if single_cls:
        opened = replace(
            opened,
            names=ONE_CLASS if len(opened.names) > 1 else opened.names,
            schema=opened.schema and opened.schema.for_one_class(),
            pictures=replace(opened.pictures, classes=np.zeros_like(opened.pictures.classes)),
        )
    opened = replace(opened, pictures=without_padding(opened.pictures, opened.schema, source), source=str(places[0]))
    problems = opened.report.problems
    for problem in problems[:SHOWN_PROBLEMS]:
        LOGGER.warning("%s", problem)
    if len(problems) > SHOWN_PROBLEMS:
        LOGGER.warning("%s: and %d more problems", split, len(problems) - SHOWN_PROBLEMS)
    if not len(opened.pictures):
        reason = f", the first because: {problems[0]}" if problems else ""
        raise DatasetError(f"{source}: no picture of its split {split!r} can be used{reason}")
    if not opened.report.objects:
        hint = f"looked in {places[0]}"
        if not opened.report.found:
            hint = f"expected label files such as {label_file_name(opened.pictures.paths[0])}"
        LOGGER.warning("%s: none of the %d pictures has a labelled object; %s", split, len(opened.pictures), hint)
    return opened


def _open_json(
    description: DatasetDescription, split: str, places: Sequence[Path], task: str, single_cls: bool, fraction: float
) -> Split:
    folders = description.images.get(split, ())
    read = read_coco_split(places, image_dirs=folders, task=task, split_name=split)
    if not single_cls:
        read = number_like(read, description.names, description.source)
    schema = description.schema
    if schema and read.schema and schema.count != read.schema.count:
        raise DatasetError(
            f"{description.source}: kpt_shape says {schema.count} keypoints, but the annotations of its split "
            f"{split!r} have {read.schema.count}"
        )
    pictures = read.pictures.first(share(len(read.pictures), fraction))
    return replace(read, schema=schema or read.schema, pictures=pictures)


def _open_label_files(
    description: DatasetDescription, split: str, places: Sequence[Path], task: str, single_cls: bool, fraction: float
) -> Split:
    schema = description.schema
    if schema is None and task in TASKS_WITH_KEYPOINTS:
        raise DatasetKeyError(
            f"{description.source}: the task {task} needs the key kpt_shape: [number of keypoints, 2 or 3], "
            "such as kpt_shape: [17, 3]"
        )
    rule = LabelRule(
        task=task,
        nc=len(description.names),
        kpt_shape=schema.shape if schema else None,
        single_cls=single_cls,
        layout=description.layout,
        keypoint_classes=frozenset(schema.classes) if schema and schema.classes is not None else None,
    )
    pictures = list_pictures(places)
    if split != "train":  # repeats would weigh more than others in scores
        once = list(dict.fromkeys(pictures))
        if len(once) < len(pictures):
            LOGGER.warning("%s: names %d pictures again; each counts once", split, len(pictures) - len(once))
        pictures = once
    labels, report = scan_with_cache(pictures[: share(len(pictures), fraction)], rule)
    truth = description.annotations.get(split)
    if truth is None and len(labels):
        truth = find_truth(labels.paths, root=description.root, places=places, split=split, task=task)
    return Split(
        name=split,
        pictures=settle_polygons(labels, task=task, source=description.source),
        names=description.names,
        schema=schema,
        report=report,
        truth=truth,
    )


def without_padding(labels: Labels, schema: KeypointSchema | None, source: str) -> Labels:
    """Return labels with the points that their classes do not have unlabelled, at (0, 0); a warning counts them."""
    if schema is None or schema.class_points is None or labels.keypoints is None:
        return labels
    counts = [schema.points_of(label) for label in range(labels.classes.max(initial=-1) + 1)]
    padding = np.arange(schema.count) >= np.array(counts, np.int64)[labels.classes, None]  # (N, K)
    lost = int((labels.keypoints[..., 2] * padding > 0).sum())
    if lost:
        LOGGER.warning("%s: %d labels of keypoints that their classes do not have are left out", source, lost)
    return replace(labels, keypoints=np.where(padding[..., None], np.float32(0), labels.keypoints))


def settle_polygons(labels: Labels, *, task: str, source: str) -> Labels:
    """Return labels with polygons for all objects or for none: "segment" needs all, "multitask" takes any."""
    if task == "multitask" or labels.polygon_starts is None:
        return labels
    outlined = np.diff(labels.polygon_starts) > 0
    if outlined.all():
        return labels
    lacking = labels.paths[int(np.searchsorted(labels.starts, outlined.argmin(), "right")) - 1]
    told = f"{outlined.sum()} of its {len(outlined)} objects have an outline (one of {lacking} has none)"
    if task == "segment":
        raise DatasetError(
            f"{source}: {told}, but the task segment needs one for each: label rows of class x1 y1 x2 y2 x3 y3 ..."
        )
    LOGGER.warning("%s: %s; no outline is used, only the boxes", source, told)
    return replace(labels, polygon_points=None, polygon_starts=None)


def number_like(split: Split, names: dict[int, str], source: str) -> Split:
    """Return a split of COCO JSON with the class numbers of its data set, matched by `names` unless made up."""
    made_up = all(name == f"class_{number}" for number, name in names.items())
    if split.names == names or (made_up and len(names) == len(split.names)):
        return split
    numbers = {name: number for number, name in names.items()}
    unknown = [name for name in split.names.values() if name not in numbers]
    if unknown or len(numbers) < len(names):
        raise DatasetError(
            f"{source}: names {list(names.values())}, but the annotations of its split {split.name} have the classes "
            f"{list(split.names.values())}; give them the same names, or leave names out of the YAML"
        )
    table = np.array([numbers[split.names[number]] for number in sorted(split.names)], np.int64)
    return replace(split, names=names, pictures=replace(split.pictures, classes=table[split.pictures.classes]))
