"""Writes annotations as COCO JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from posekit.data.annotation import AnnotationSet, ObjectAnnotation, PictureAnnotation, Points, derive_box
from posekit.data.find_pictures import usable_pictures
from posekit.data.labels import PictureLabels, Split
from posekit.data.written import PictureNames, PictureTransfer, Written, bring_picture, check_transfer, require_pictures
from posekit.errors import DatasetError, OutputError
from posekit.files.problems import ProblemList
from posekit.files.writing import new_folder, write_whole
from posekit.ops.polygons import polygon_area
from posekit.schema.schema import KeypointSchema

# Thousandths of a pixel: finer than any annotation, and short.
DECIMALS = 3


def write_coco(annotations: AnnotationSet, path: Path) -> Written:
    """Write annotations as one COCO JSON file; it appears complete or not at all.

    Categories are numbered from 1 in the order of the class numbers, annotations from 1 in the order of the pictures;
    pictures keep their ids when all have different whole numbers. ``area`` is the one that the annotations state,
    else that of the outlines, else that of the box. An object without a box gets one around its outlines or keypoints.

    Raises:
        OutputError: the file exists, or cannot be written.
    """
    if path.exists():
        raise OutputError(f"{path} exists already: name a new file, or remove it first")
    problems = ProblemList(str(path))
    content = coco_content(annotations, problems)
    write_whole(path, json.dumps(content).encode())
    return Written(
        path=path,
        pictures=len(content["images"]),
        objects=len(content["annotations"]),
        problems=(*annotations.problems, *problems.all()),
    )


def coco_content(
    annotations: AnnotationSet, problems: ProblemList, *, decimals: int | None = DECIMALS
) -> dict[str, Any]:
    """Return annotations in the form of a COCO JSON file; see `write_coco`.

    `problems` takes objects without a box and without anything to derive one from. Pixels have so many `decimals`,
    all of them with None.
    """
    images: list[dict[str, Any]] = []
    objects: list[dict[str, Any]] = []
    for number, picture in zip(_image_ids(annotations.pictures), annotations.pictures, strict=True):
        height, width = picture.size
        images.append({"id": number, "file_name": picture.file_name, "height": height, "width": width})
        for position, found in enumerate(picture.objects):
            entry = _annotation(found, picture, annotations.schema, decimals)
            if entry is None:
                text = "no box, and nothing to derive one from"
                problems.add(f"object {position + 1} of {picture.file_name}", text, "no_box", objects=1)
            else:
                objects.append({"id": len(objects) + 1, "image_id": number} | entry)
    categories = [_category(number, name, annotations.schema) for number, name in sorted(annotations.names.items())]
    return {"images": images, "annotations": objects, "categories": categories}


def _image_ids(pictures: Sequence[PictureAnnotation]) -> list[int]:
    """Return the pictures' own ids when they can stay, else 1, 2, ..."""
    own = [picture.image_id for picture in pictures]
    whole = [number for number in own if isinstance(number, int)]
    return whole if len(set(whole)) == len(own) else list(range(1, len(own) + 1))


def _category(number: int, name: str, schema: KeypointSchema | None) -> dict[str, Any]:
    category: dict[str, Any] = {"id": number + 1, "name": name, "supercategory": name}
    if schema is not None and (schema.classes is None or number in schema.classes):
        count = schema.points_of(number)
        category["keypoints"] = list(schema.names[:count])
        category["skeleton"] = [[a + 1, b + 1] for a, b in schema.skeleton if max(a, b) < count]
    return category


def _annotation(
    found: ObjectAnnotation, picture: PictureAnnotation, schema: KeypointSchema | None, decimals: int | None
) -> dict[str, Any] | None:
    """Return an entry without ids; None for an object without any extent."""
    box = found.box
    if box is None:
        derived = derive_box(found.parts, found.keypoints, picture.size)
        if derived is None:
            return None
        box = derived.box
    x1, y1, x2, y2 = box
    area = found.area
    if area is None:
        area = sum(polygon_area(part) for part in found.parts) or (x2 - x1) * (y2 - y1)
    entry: dict[str, Any] = {
        "category_id": found.label + 1,
        "bbox": _rounded(np.array((x1, y1, x2 - x1, y2 - y1)), decimals),
        "area": area if decimals is None else round(area, decimals),
        "iscrowd": int(found.crowd),
        "segmentation": [_rounded(part, decimals) for part in found.parts],
    }
    if schema is not None and (schema.classes is None or found.label in schema.classes):
        points = np.zeros((schema.count, 3)) if found.keypoints is None else found.keypoints
        points = points[: schema.points_of(found.label)]
        rows = (
            points.tolist()
            if decimals is None
            else [(round(x, decimals), round(y, decimals), v) for x, y, v in points.tolist()]
        )
        entry["keypoints"] = [number for x, y, v in rows for number in (x, y, int(v))]
        entry["num_keypoints"] = int((points[:, 2] > 0).sum())
    return entry


def _rounded(values: Points, decimals: int | None) -> list[float]:
    numbers: list[float] = (values if decimals is None else values.round(decimals)).ravel().tolist()
    return numbers


def split_annotations(split: Split, root: Path) -> AnnotationSet:
    """Return the labels of a split as annotations in pixels; names are relative to `root`, outside of it absolute."""
    pictures = []
    for labels in split.pictures:
        path = Path(labels.path)
        name = path.relative_to(root) if path.is_relative_to(root) else path.absolute()
        objects = tuple(label_annotations(labels))
        pictures.append(PictureAnnotation(file_name=name.as_posix(), path=path, size=labels.size, objects=objects))
    return AnnotationSet(
        names=split.names, schema=split.schema, pictures=tuple(pictures), problems=split.report.problems
    )


def label_annotations(labels: PictureLabels) -> Iterator[ObjectAnnotation]:
    """Yield the objects of a picture in pixels; an object has at most one outline, and states no area."""
    scale = np.array(labels.size[::-1], np.float64)
    for index, label in enumerate(labels.classes.tolist()):
        centre, half = labels.boxes[index, :2] * scale, labels.boxes[index, 2:] * scale / 2
        keypoints = None
        if labels.keypoints is not None:
            keypoints = labels.keypoints[index].astype(np.float64)
            keypoints[:, :2] *= scale
        outline = labels.polygons[index] * scale if labels.polygons else np.zeros((0, 2))
        (x1, y1), (x2, y2) = (centre - half).tolist(), (centre + half).tolist()
        parts = (outline,) if len(outline) else ()
        yield ObjectAnnotation(label=label, box=(x1, y1, x2, y2), keypoints=keypoints, parts=parts)


def write_coco_set(splits: Mapping[str, AnnotationSet], folder: Path, *, pictures: PictureTransfer = "link") -> Written:
    """Write each split as ``<split>.json``, pictures as ``images/<split>/...``; complete or not at all.

    Args:
        splits: annotations by the name of their split.
        folder: a new or empty folder.
        pictures: "link" (hard links; copies across disks), "copy" or "none". Without "none", pictures that were not
            found, cannot be read or are of another size than their annotations are left out.

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
