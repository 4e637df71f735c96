"""The ``labels`` of a CVAT file: its classes, and the points and edges of its skeletons."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from posekit.data.convert.named import NamedSchema
from posekit.data.convert.safe_xml import parse_xml
from posekit.data.problem_list import ProblemList

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

# Labels of whole pictures; they are no class of objects.
_TAG = "tag"


@dataclass(frozen=True, kw_only=True)
class _Drawing:
    """The drawing of a skeleton: names of its points by node number, and its edges as pairs of names."""

    names: tuple[str, ...] = ()
    limbs: tuple[tuple[str, str], ...] = ()


def read_labels(root: "Element", problems: ProblemList) -> NamedSchema:
    """Return the classes and keypoints that the head of a CVAT file declares.

    Points stand in the order of the numbers in the drawing of their skeleton. A single-point label is a class
    here; whether it names a keypoint instead shows only in how it is used.
    """
    labels = [label for labels in root.iterfind("./meta//labels") for label in labels.iterfind("label")]
    classes: list[str] = []
    points: list[str] = []
    limbs: list[tuple[str, str]] = []
    for label in labels:
        name, parent = label.findtext("name"), label.findtext("parent")
        if not name or parent or label.findtext("type") == _TAG:
            continue
        classes.append(name)
        children = [child.findtext("name") or "" for child in labels if child.findtext("parent") == name]
        drawing = _read_drawing(label, problems, name)
        points += [point for point in drawing.names if point in children]
        points += [point for point in children if point and point not in drawing.names]
        limbs += drawing.limbs
    return NamedSchema(classes=classes, points=list(dict.fromkeys(points)), limbs=list(dict.fromkeys(limbs)))


def _read_drawing(label: "Element", problems: ProblemList, name: str) -> _Drawing:
    """Return what the drawing of a skeleton says; CVAT keeps it as escaped SVG without a root."""
    text = label.findtext("svg")
    if not text:
        return _Drawing()
    drawing = parse_xml(f"<svg>{text}</svg>")
    if drawing is None:
        problems.add(f"label '{name}'", "its drawing is no valid SVG: limbs are not known", "bad_drawing")
        return _Drawing()
    nodes = {
        node.get("data-node-id", ""): node.get("data-label-name", "")
        for node in drawing.iter("circle")
        if node.get("data-label-name")
    }
    edges = [(edge.get("data-node-from", ""), edge.get("data-node-to", "")) for edge in drawing.iter("line")]
    return _Drawing(
        names=tuple(nodes[number] for number in sorted(nodes, key=_as_number)),
        limbs=tuple((nodes[a], nodes[b]) for a, b in edges if a in nodes and b in nodes),
    )


def _as_number(text: str) -> tuple[int, str]:
    """Sort "2" before "10"."""
    return (int(text), "") if text.isdecimal() and len(text) < 10 else (10**10, text)
