"""Objects as annotation tools know them: by class name and point name."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from posekit.data.annotation import AnnotationSet, Box, ObjectAnnotation, PictureAnnotation
from posekit.files.problems import ProblemList
from posekit.schema.schema import KeypointSchema
from posekit.schema.sides import flip_from_names

Outline = NDArray[np.float64]
NamePair = tuple[str, str]
Numbers = Mapping[str, int]

UNGROUPED = "0"
NAMELESS = "object"  # the class of objects of which only single points were drawn


@dataclass(frozen=True, kw_only=True)
class NamedPoint:
    """One labelled keypoint: x and y in pixels of the picture, visibility 1 (hidden) or 2 (visible)."""

    x: float
    y: float
    visibility: int = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class NamedObject:
    """One object; coordinates are pixels of its picture and may lie outside it.

    Attributes:
        label: class name.
        place: where it stands in the file, for messages.
        box: corners x1, y1, x2, y2; None when the format gives none.
        points: labelled keypoints by name.
        parts: outlines (P, 2) of its visible parts.
    """

    label: str
    place: str
    box: Box | None = None
    points: Mapping[str, NamedPoint] = field(default_factory=dict)
    parts: tuple[Outline, ...] = ()


# A picture, whose own objects are not there yet, and what is on it.
NamedPicture = tuple[PictureAnnotation, Sequence[NamedObject]]


@dataclass(frozen=True, kw_only=True)
class NamedSchema:
    """Classes and keypoints in the order that their numbers shall have.

    Attributes:
        classes: class names.
        points: keypoint names, of all classes together.
        limbs: pairs of point names.
        mirrored: pairs of point names that change places under a left-right mirror; None when the format does
            not say.
    """

    classes: Sequence[str] = ()
    points: Sequence[str] = ()
    limbs: Sequence[NamePair] = ()
    mirrored: Sequence[NamePair] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Shape:
    """A box, outlines, a skeleton of points, or a single point.

    Attributes:
        label: class name; of a single point the name of the keypoint.
        place: where it stands, for messages.
        group: what the shapes of one object share; `UNGROUPED` without.
        box, parts, points: as in `NamedObject`.
        is_skeleton: whether `points` are those of a whole object, even when none is labelled.
        is_point: whether it is a single point, which belongs to some other shape.
    """

    label: str
    place: str
    group: str = UNGROUPED
    box: Box | None = None
    parts: tuple[Outline, ...] = ()
    points: Mapping[str, NamedPoint] = field(default_factory=dict)
    is_skeleton: bool = False
    is_point: bool = False

    @property
    def extent(self) -> Box | None:
        """Corners x1, y1, x2, y2 of its box, else around its outlines; None without either."""
        if self.box is not None or not self.parts:
            return self.box
        corners = np.concatenate(self.parts)
        (x1, y1), (x2, y2) = corners.min(0).tolist(), corners.max(0).tolist()
        return x1, y1, x2, y2


Draft = list[Shape]  # the shapes of one object


def join_shapes(shapes: Sequence[Shape], problems: ProblemList) -> list[NamedObject]:
    """Return the objects that the shapes of one picture make.

    - Shapes of one group are one object, unless the group holds several boxes or several skeletons: these stay apart.
    - A single point belongs to the object of its group; where that leaves several, or it has no group, to the only
      object whose box (or outline) it lies in. A point of which that cannot be said is a problem.
    - Points that are alone on their picture, or in their group, make one object of class "object".

    Args:
        shapes: all of one picture.
        problems: takes what is left out.
    """
    groups: dict[str, list[Shape]] = defaultdict(list)
    for shape in shapes:
        groups[shape.group].append(shape)
    free = groups.pop(UNGROUPED, [])
    drafts: list[Draft] = []
    for group in groups.values():
        drafts += _join_group(group, problems)
    drafts += [[shape] for shape in free if not shape.is_point]
    points = [shape for shape in free if shape.is_point]
    if points and not drafts:
        drafts.append(points)
    else:
        _give_away(points, drafts, problems)
    return [_object(draft, problems) for draft in drafts]


def _join_group(group: Sequence[Shape], problems: ProblemList) -> list[Draft]:
    bodies = [shape for shape in group if not shape.is_point]
    points = [shape for shape in group if shape.is_point]
    boxes, skeletons = sum(shape.box is not None for shape in bodies), sum(shape.is_skeleton for shape in bodies)
    if boxes <= 1 and skeletons <= 1:
        return [[*bodies, *points]]
    drafts = [[shape] for shape in bodies]
    _give_away(points, drafts, problems)
    return drafts


def _give_away(points: Sequence[Shape], drafts: Sequence[Draft], problems: ProblemList) -> None:
    """Append each point to the only draft whose box it lies in."""
    extents = [next((shape.extent for shape in draft if shape.extent is not None), None) for draft in drafts]
    for point in points:
        owners = [
            draft
            for draft, extent in zip(drafts, extents, strict=True)
            if extent is not None and all(_inside(place, extent) for place in point.points.values())
        ]
        if len(owners) == 1:
            owners[0].append(point)
        elif point.points:
            text = f"lies in {len(owners)} boxes or outlines, so that nobody can tell whose it is"
            problems.add(point.place, f"the point '{point.label}' {text}: left out", "unassigned_point")


def _inside(point: NamedPoint, extent: Box) -> bool:
    x1, y1, x2, y2 = extent
    return x1 <= point.x <= x2 and y1 <= point.y <= y2


def _object(draft: Draft, problems: ProblemList) -> NamedObject:
    points: dict[str, NamedPoint] = {}
    for shape in draft:
        for name, point in shape.points.items():
            if name in points:
                text = f"the object has a second point '{name}': the first counts"
                problems.add(shape.place, text, "duplicate_point")
            points.setdefault(name, point)
    boxes = [shape.box for shape in draft if shape.box is not None]
    return NamedObject(
        label=_class(draft),
        place=draft[0].place,
        box=boxes[0] if boxes else None,
        points=points,
        parts=tuple(part for shape in draft for part in shape.parts),
    )


def _class(draft: Draft) -> str:
    """Return the class: that of the skeleton, else of the box, else of the first outline."""
    bodies = [shape for shape in draft if not shape.is_point]
    if not bodies:
        return NAMELESS
    return max(bodies, key=lambda shape: (shape.is_skeleton, shape.box is not None)).label


def number_objects(pictures: Iterable[NamedPicture], named: NamedSchema, problems: ProblemList) -> AnnotationSet:
    """Return the same objects with class numbers and keypoint rows in place of names.

    Args:
        pictures: in the order that the set shall have.
        named: the order of classes and points; names that only objects have come after them.
        problems: of the file. An object without box, outline and labelled point is left out and added to them; all
            go into the set.
    """
    pictures = list(pictures)
    objects = [thing for _, things in pictures for thing in things]
    classes = _numbered([*named.classes, *(thing.label for thing in objects)])
    points = _numbered([*named.points, *(name for thing in objects for name in thing.points)])
    schema = _schema(points, named, problems) if points else None
    numbered = tuple(
        replace(picture, objects=tuple(_number_objects(things, classes, points, problems)))
        for picture, things in pictures
    )
    names = {number: name for name, number in classes.items()}
    return AnnotationSet(names=names, schema=schema, pictures=numbered, problems=problems.all())


def _number_objects(
    things: Iterable[NamedObject], classes: Numbers, points: Numbers, problems: ProblemList
) -> Iterator[ObjectAnnotation]:
    for thing in things:
        if thing.box is None and not thing.parts and not thing.points:
            text = "no box, no outline and no labelled keypoint"
            problems.tally(f"{thing.place} '{thing.label}'", text, "empty_object", left_out=True)
            continue
        rows = np.zeros((len(points), 3)) if thing.points else None
        if rows is not None:
            for name, point in thing.points.items():
                rows[points[name]] = point.x, point.y, point.visibility
        yield ObjectAnnotation(label=classes[thing.label], box=thing.box, keypoints=rows, parts=thing.parts)


def _schema(points: Numbers, named: NamedSchema, problems: ProblemList) -> KeypointSchema:
    limbs = tuple((points[a], points[b]) for a, b in named.limbs if a in points and b in points)
    names = tuple(points)
    flip = flip_from_names(names) if named.mirrored is None else _mirror(points, named.mirrored, problems)
    return KeypointSchema(shape=(len(points), 3), names=names, skeleton=limbs, flip_idx=flip)


def _mirror(points: Numbers, pairs: Iterable[NamePair], problems: ProblemList) -> tuple[int, ...]:
    flip = list(range(len(points)))
    for a, b in pairs:
        if a not in points or b not in points or flip[points[a]] != points[a] or flip[points[b]] != points[b]:
            problems.add("keypoints", f"the mirror pair {a}, {b} contradicts the others: ignored", "bad_mirror_pair")
        else:
            flip[points[a]], flip[points[b]] = points[b], points[a]
    return tuple(flip)


def _numbered(names: Iterable[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(dict.fromkeys(names))}


def extent_of_turned_box(box: Box, degrees: float, *, around: tuple[float, float]) -> Box:
    """Return the smallest upright box around a turned one.

    Args:
        box: corners x1, y1, x2, y2 in pixels before turning.
        degrees: clockwise as seen in the picture.
        around: x, y that stays where it is.
    """
    if degrees % 360 == 0:
        return box
    x1, y1, x2, y2 = box
    corners = np.array(((x1, y1), (x2, y1), (x2, y2), (x1, y2))) - around
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    # y points down, so that this matrix turns clockwise in the picture.
    turned = corners @ np.array(((cosine, sine), (-sine, cosine))) + around
    (left, top), (right, bottom) = turned.min(0).tolist(), turned.max(0).tolist()
    return left, top, right, bottom
