"""The shapes of one picture of a CVAT file."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from posekit.data.coco.values import UnusableValueError
from posekit.data.convert.cvat_masks import read_mask
from posekit.data.convert.cvat_shapes import read_box, read_outline, read_point, rotation_of
from posekit.data.convert.named import NamedPoint
from posekit.data.convert.shapes import UNGROUPED, Shape
from posekit.data.problem_list import ProblemList

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

# Elements of a picture that are no shapes.
_NO_SHAPES = ("tag", "attribute")


def read_shapes(elements: Iterable["Element"], place: str, problems: ProblemList) -> list[Shape]:
    """Return the usable shapes of one picture; each other one is a problem."""
    shapes = []
    for number, element in enumerate(elements):
        here = f"{place} {element.tag} {number}"
        if element.tag in _NO_SHAPES:
            continue
        try:
            shape = _read_shape(element, here, problems)
        except UnusableValueError as error:
            problems.add(here, f"{error.field} {error.message}: the shape is left out", error.code, objects=1)
            continue
        if shape is not None:
            shapes.append(shape)
    return shapes


def _read_shape(element: "Element", place: str, problems: ProblemList) -> Shape | None:
    label, group = element.get("label") or "", element.get("group_id") or UNGROUPED
    if not label:
        raise UnusableValueError("label", "is missing", "no_label")
    if element.tag == "skeleton":
        points = read_skeleton(element, place, problems)
        return Shape(label=label, group=group, place=place, points=points, is_skeleton=True)
    if element.tag == "box":
        box = read_box(element)
        if rotation_of(element) % 360:
            problems.add(place, "the box is turned: the upright box around it is taken", "turned_box")
        return Shape(label=label, group=group, place=place, box=box)
    if element.tag == "polygon":
        return Shape(label=label, group=group, place=place, parts=(read_outline(element),))
    if element.tag == "mask":
        return Shape(label=label, group=group, place=place, parts=read_mask(element))
    if element.tag == "points":
        point = read_point(element)
        points = {} if point is None else {label: point}
        return Shape(label=label, group=group, place=place, points=points, is_point=True)
    text = f"'{element.tag}' has no place in boxes, outlines or keypoints"
    raise UnusableValueError("the shape", text, "unsupported_shape")


def read_skeleton(element: "Element", place: str, problems: ProblemList) -> dict[str, NamedPoint]:
    """Return the labelled points of a ``<skeleton>`` by name; a point that cannot be used is a problem."""
    points = {}
    for child in element.iterfind("points"):
        name = child.get("label") or ""
        try:
            point = read_point(child)
        except UnusableValueError as error:
            problems.add(place, f"point '{name}' {error.message}: taken as unlabelled", error.code)
            continue
        if point is not None:
            points[name] = point
    return points
