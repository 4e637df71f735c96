"""The shapes on one picture, put together to objects."""

from collections import defaultdict
from collections.abc import Sequence

from posekit.data.convert.named import NamedObject, NamedPoint
from posekit.data.convert.shapes import UNGROUPED, Shape
from posekit.data.problem_list import ProblemList

# The class of objects of which only single points were drawn.
NAMELESS = "object"

Draft = list[Shape]


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


def _inside(point: NamedPoint, extent: tuple[float, float, float, float]) -> bool:
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
