"""Writes annotations as a data set in YOLO form: pictures, label files and ``data.yaml``."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from posekit.config.commands import TASKS_WITH_KEYPOINTS
from posekit.data.annotation import AnnotationSet, Points
from posekit.data.find_pictures import usable_pictures
from posekit.data.to_labels import LabelRow, LabelRows
from posekit.data.written import PictureNames, PictureTransfer, Written, bring_picture, check_transfer, require_pictures
from posekit.errors import DatasetError
from posekit.files.magic import IMAGE_SUFFIXES
from posekit.files.problems import ProblemList
from posekit.files.writing import new_folder
from posekit.schema.schema import KeypointSchema

# How multitask rows are laid out, as the key ``layout`` of a dataset YAML says it.
MULTITASK_LAYOUT = "keypoints_polygon"


def label_text(rows: Iterable[LabelRow], keypoint_classes: Collection[int] | None = None) -> str:
    """Return the content of a label file, one line per object.

    A row holds its class, then

    ==========  ====================================================================================
    detect      cx cy w h
    segment     x1 y1 x2 y2 ...
    pose        cx cy w h, K times x y visibility
    multitask   K times x y visibility, x1 y1 x2 y2 ... ; as for pose when the object has no outline;
                x1 y1 x2 y2 ... alone for classes without keypoints
    ==========  ====================================================================================

    A box stands in rows without an outline only: with one, it is the outline's extent. Classes other than
    `keypoint_classes` have no keypoints; None for all.
    """
    lines = []
    for row in rows:
        has_keypoints = row.polygon is None or keypoint_classes is None or row.label in keypoint_classes
        box, keypoints = row.box if row.polygon is None else None, row.keypoints if has_keypoints else None
        lines.append(row_text(row.label, box, keypoints, row.polygon))
    return "".join(f"{line}\n" for line in lines)


def row_text(label: int, *parts: Points | None) -> str:
    """Return one row of a label file: the class, then the parts that there are, six significant digits per number."""
    values = (value for part in parts if part is not None for value in part.ravel().tolist())
    return " ".join([str(label), *(f"{value:g}" for value in values)])


def write_yolo(
    splits: Mapping[str, AnnotationSet], folder: Path, *, task: str, pictures: PictureTransfer = "link"
) -> Written:
    """Write annotations as a data set in YOLO form; the folder appears complete or not at all.

    Pictures are ``images/<split>/<file name>``, labels ``labels/<split>/<file name>.txt``. A picture without objects
    has no label file: it is background.

    Args:
        splits: annotations by the name of their split, "train", "val", "test" or another; all with the same classes
            and keypoints.
        folder: a new or empty folder.
        task: "detect", "segment", "pose" or "multitask": which rows to write, as `label_text` says.
        pictures: "link" (hard links; copies across disks), "copy" or "none". Without "none", pictures that were not
            found, cannot be read or are of another size than their annotations are left out.

    Returns:
        The path of ``data.yaml``, and what was written and left out.

    Raises:
        DatasetError: there is no picture to write, the splits contradict each other, or the task needs keypoints and
            there are none.
        OutputError: the folder holds something already, or cannot be written.
        UnknownChoiceError: `pictures` is none of its choices.
    """
    check_transfer(pictures)
    if not any(annotations.pictures for annotations in splits.values()):
        raise DatasetError("there is no picture to write: nothing in the annotations can be used")
    first, reference = next(iter(splits.items()))
    for split, annotations in splits.items():
        difference = reference.difference(annotations)
        if difference:
            raise DatasetError(f"{first} and {split} have other {difference}; all splits of a data set must agree")
    schema = reference.schema
    if task in TASKS_WITH_KEYPOINTS and schema is None:
        raise DatasetError(f"{folder}: the annotations have no keypoints, which the task {task} needs")
    problems = [problem for annotations in splits.values() for problem in annotations.problems]
    total = objects = 0
    with new_folder(folder) as draft:
        for split, annotations in splits.items():
            found = ProblemList(split)
            counts = _write_split(annotations, draft, split, task, pictures, found)
            total, objects = total + counts[0], objects + counts[1]
            problems += found.all()
        require_pictures(total, problems)
        text = _yaml_text(list(splits), reference.names, schema if task in TASKS_WITH_KEYPOINTS else None, task)
        (draft / "data.yaml").write_text(text, encoding="utf-8")
    return Written(path=folder / "data.yaml", pictures=total, objects=objects, problems=tuple(problems))


def _write_split(
    annotations: AnnotationSet, draft: Path, split: str, task: str, transfer: PictureTransfer, problems: ProblemList
) -> tuple[int, int]:
    """Write one split; return how many pictures and objects."""
    rows_of = LabelRows(task=task, keypoints=annotations.schema.count if annotations.schema else 0, problems=problems)
    classes = annotations.schema.classes if annotations.schema else None
    names = PictureNames()
    pictures = objects = 0
    listed = annotations.pictures if transfer == "none" else usable_pictures(annotations.pictures, problems)
    for picture in listed:
        name = names.claim(picture.file_name)
        if name.suffix.lower() not in IMAGE_SUFFIXES:
            text = f"pictures in YOLO form end in one of {' '.join(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES))}"
            problems.add(picture.file_name, text, "unknown_suffix", objects=len(picture.objects), picture=True)
            continue
        if name.name != picture.file_name.rpartition("/")[2]:
            problems.add(picture.file_name, f"is called {name} in the new data set", "renamed_picture")
        rows = rows_of.of(picture)
        if picture.path is not None:
            bring_picture(picture.path, draft / "images" / split / name, transfer)
        if rows:
            label = draft / "labels" / split / name.with_suffix(".txt")
            label.parent.mkdir(parents=True, exist_ok=True)
            label.write_text(label_text(rows, classes), encoding="utf-8")
        pictures, objects = pictures + 1, objects + len(rows)
    return pictures, objects


def _yaml_text(splits: Sequence[str], names: dict[int, str], schema: KeypointSchema | None, task: str) -> str:
    content: dict[str, Any] = {"path": "."}
    note = ""
    for key in ("train", "val"):
        content[key] = f"images/{key if key in splits else splits[0]}"
        if key not in splits:
            note += f"# There was no split {key}: {splits[0]} stands in. Do not train on what you validate on.\n"
    content |= {split: f"images/{split}" for split in splits if split not in ("train", "val")}
    content["names"] = dict(names)
    if schema is not None:
        content |= _schema_keys(schema)
    if task == "multitask":
        content["layout"] = MULTITASK_LAYOUT
    return note + yaml.safe_dump(content, sort_keys=False, default_flow_style=None, allow_unicode=True, width=120)


def _schema_keys(schema: KeypointSchema) -> dict[str, Any]:
    keys = {key: value for key, value in schema.to_dict().items() if value not in (None, [])}
    keys.pop("kpt_class_points", None)
    classes = keys.pop("kpt_classes", None)
    if classes is not None:
        keys["kpt_names"] = {label: list(schema.names[: schema.points_of(label)]) for label in classes}
    return keys
