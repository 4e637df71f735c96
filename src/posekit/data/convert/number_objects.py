"""From objects with names to objects with numbers."""

from collections.abc import Iterable, Mapping

import numpy as np

from posekit.data.annotation import AnnotationSet, ObjectAnnotation, PictureAnnotation
from posekit.data.convert.named import NamedObject, NamedPicture, NamedSchema
from posekit.data.problem_list import ProblemList
from posekit.schema import KeypointSchema
from posekit.schema.sides import flip_from_names

Numbers = Mapping[str, int]


def number_objects(pictures: Iterable[NamedPicture], named: NamedSchema, problems: ProblemList) -> AnnotationSet:
    """Return the same objects with class numbers and keypoint rows in place of names.

    Args:
        pictures: in the order that the set shall have.
        named: the order of classes and points; names that only objects have come after them.
        problems: of the file. An object without box, outline and labelled point is left out and added to them; all
            go into the set.
    """
    pictures = list(pictures)
    objects = [thing for picture in pictures for thing in picture.objects]
    classes = _numbered([*named.classes, *(thing.label for thing in objects)])
    points = _numbered([*named.points, *(name for thing in objects for name in thing.points)])
    schema = _schema(points, named, problems) if points else None
    numbered = tuple(_number_picture(picture, classes, points, problems) for picture in pictures)
    return AnnotationSet(
        names={number: name for name, number in classes.items()},
        schema=schema,
        pictures=numbered,
        problems=problems.all(),
    )


def _number_picture(
    picture: NamedPicture, classes: Numbers, points: Numbers, problems: ProblemList
) -> PictureAnnotation:
    objects = []
    for thing in picture.objects:
        if thing.box is None and not thing.parts and not thing.points:
            text = "no box, no outline and no labelled keypoint"
            problems.tally(f"{thing.place} '{thing.label}'", text, "empty_object", left_out=True)
        else:
            objects.append(_number_object(thing, classes, points))
    return PictureAnnotation(
        file_name=picture.file_name,
        path=picture.path,
        size=picture.size,
        objects=tuple(objects),
        image_id=picture.image_id,
    )


def _number_object(thing: NamedObject, classes: Numbers, points: Numbers) -> ObjectAnnotation:
    rows = np.zeros((len(points), 3)) if thing.points else None
    if rows is not None:
        for name, point in thing.points.items():
            rows[points[name]] = point.x, point.y, point.visibility
    return ObjectAnnotation(label=classes[thing.label], box=thing.box, keypoints=rows, parts=thing.parts)


def _schema(points: Numbers, named: NamedSchema, problems: ProblemList) -> KeypointSchema:
    limbs = tuple((points[a], points[b]) for a, b in named.limbs if a in points and b in points)
    names = tuple(points)
    flip = flip_from_names(names) if named.mirrored is None else _mirror(points, named.mirrored, problems)
    return KeypointSchema(shape=(len(points), 3), names=names, skeleton=limbs, flip_idx=flip)


def _mirror(points: Numbers, pairs: Iterable[tuple[str, str]], problems: ProblemList) -> tuple[int, ...]:
    flip = list(range(len(points)))
    for a, b in pairs:
        if a not in points or b not in points or flip[points[a]] != points[a] or flip[points[b]] != points[b]:
            problems.add("keypoints", f"the mirror pair {a}, {b} contradicts the others: ignored", "bad_mirror_pair")
        else:
            flip[points[a]], flip[points[b]] = points[b], points[a]
    return tuple(flip)


def _numbered(names: Iterable[str]) -> dict[str, int]:
    """Return name -> number in order of first appearance."""
    return {name: number for number, name in enumerate(dict.fromkeys(names))}
