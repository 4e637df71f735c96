"""The regions of a Label Studio annotation as shapes in pixels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from posekit.data.coco.values import UnusableValueError, is_number, quote
from posekit.data.convert.label_studio_links import groups_of
from posekit.data.convert.named import NamedPoint
from posekit.data.convert.shapes import UNGROUPED, Shape
from posekit.data.convert.turned_box import extent_of_turned_box
from posekit.data.problem_list import ProblemList

# Words of a choice beside a keypoint that call it hidden; Label Studio itself has no mark for that.
HIDDEN_WORDS = frozenset({"hidden", "occluded", "invisible", "not visible"})
_HIDDEN = 1
# What says something of a region that another result draws, or of the whole picture; none of it is a shape.
_NO_SHAPES = frozenset({"relation", "labels", "choices", "taxonomy", "textarea", "rating", "number", "datetime"})
_LABELS = "labels"


def read_regions(results: Sequence[Any], size: tuple[int, int], place: str, problems: ProblemList) -> list[Shape]:
    """Return the usable regions of one annotation; each other one is a problem.

    Args:
        results: the list ``result`` of the annotation.
        size: (h, w) of the picture, of which coordinates are percent.
        place: the task, for messages.
        problems: takes what is left out.
    """
    entries = [entry for entry in results if isinstance(entry, dict)]
    if len(entries) < len(results):
        problems.add(place, "has results that are no dictionaries", "bad_result", objects=len(results) - len(entries))
    groups, hidden = groups_of(entries), _hidden_regions(entries)
    named = {str(entry.get("id")): entry for entry in entries if entry.get("type") == _LABELS}
    shapes = []
    for number, entry in enumerate(entries):
        if str(entry.get("type")) in _NO_SHAPES:
            continue
        here, region = f"{place} result {number}", str(entry.get("id"))
        try:
            label = _label(entry, named.get(region), here, problems)
            shape = replace(_Region(entry, size, here, label).shape(problems), group=groups.get(region, UNGROUPED))
        except UnusableValueError as error:
            problems.add(here, f"{error.field} {error.message}: the region is left out", error.code, objects=1)
            continue
        shapes.append(_hide(shape) if region in hidden else shape)
    return shapes


@dataclass(frozen=True)
class _Region:
    """One result that draws something."""

    entry: Mapping[str, Any]
    size: tuple[int, int]
    place: str
    label: str

    def shape(self, problems: ProblemList) -> Shape:
        kind = str(self.entry.get("type")).removesuffix("labels")
        if kind == "keypoint":
            (x, y) = self._pixels([[self._value("x"), self._value("y")]])[0].tolist()
            return Shape(label=self.label, place=self.place, points={self.label: NamedPoint(x=x, y=y)}, is_point=True)
        if kind == "rectangle":
            return self._rectangle(problems)
        if kind == "polygon":
            return Shape(label=self.label, place=self.place, parts=(self._outline(),))
        hint = ": export as COCO from Label Studio, which gives masks" if kind == "brush" else ""
        text = f"is {quote(self.entry.get('type'))}; keypoints, rectangles and polygons can be read{hint}"
        raise UnusableValueError("type", text, "unsupported_shape")

    def _rectangle(self, problems: ProblemList) -> Shape:
        x, y, width, height = (self._value(key) for key in ("x", "y", "width", "height"))
        if width <= 0 or height <= 0:
            text = f"is {width:g} with a height of {height:g}: both must be above 0"
            raise UnusableValueError("width", text, "empty_box")
        (x1, y1), (x2, y2) = self._pixels([[x, y], [x + width, y + height]]).tolist()
        degrees = self._value("rotation") if self._values().get("rotation") is not None else 0.0
        if degrees % 360:
            problems.add(self.place, "the rectangle is turned: the upright box around it is taken", "turned_box")
        box = extent_of_turned_box((x1, y1, x2, y2), degrees, around=(x1, y1))
        return Shape(label=self.label, place=self.place, box=box)

    def _outline(self) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
        corners = self._values().get("points")
        if not isinstance(corners, list) or len(corners) < 3:
            raise UnusableValueError("points", f"is {quote(corners)}, not a list of 3 or more corners", "bad_outline")
        for corner in corners:
            if not isinstance(corner, list) or len(corner) != 2 or not all(map(is_number, corner)):
                raise UnusableValueError("points", f"has {quote(corner)}, which is no pair of numbers", "bad_number")
        return self._pixels(corners)

    def _pixels(self, percent: Sequence[Sequence[float]]) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
        return np.array(percent, np.float64) * self.size[::-1] / 100

    def _value(self, key: str) -> float:
        value = self._values().get(key)
        if not is_number(value):
            raise UnusableValueError(f"value.{key}", f"is {quote(value)}, not a finite number", "bad_number")
        return float(value)

    def _values(self) -> Mapping[str, Any]:
        return _values_of(self.entry)


def _label(entry: Mapping[str, Any], naming: Mapping[str, Any] | None, place: str, problems: ProblemList) -> str:
    """Return the label of a region, which stands in it or in another result of the same id."""
    values = _values_of(entry)
    found = values.get(str(entry.get("type"))) or values.get(_LABELS)
    if not found and naming is not None:
        found = _values_of(naming).get(_LABELS)
    labels = [label for label in found if isinstance(label, str) and label] if isinstance(found, list) else []
    if not labels:
        raise UnusableValueError("the label", "is missing", "no_label")
    if len(labels) > 1:
        problems.add(place, f"the region has the labels {', '.join(labels)}: the first counts", "several_labels")
    return labels[0]


def _hidden_regions(entries: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the ids of regions that a choice calls hidden."""
    hidden = set()
    for entry in entries:
        choices = _values_of(entry).get("choices")
        if isinstance(choices, list) and any(str(choice).strip().lower() in HIDDEN_WORDS for choice in choices):
            hidden.add(str(entry.get("id")))
    return hidden


def _hide(shape: Shape) -> Shape:
    return replace(shape, points={name: replace(point, visibility=_HIDDEN) for name, point in shape.points.items()})


def _values_of(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    value = entry.get("value")
    return value if isinstance(value, dict) else {}
