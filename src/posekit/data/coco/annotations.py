"""Reads single COCO annotations: every value is checked, and whatever is left out is named."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from posekit.data.annotation import Box, ObjectAnnotation, Points
from posekit.data.coco.boxes import read_box
from posekit.data.coco.categories import Categories
from posekit.data.coco.keypoint_lists import read_padded_keypoints
from posekit.data.coco.segmentation import read_parts
from posekit.data.coco.values import UnusableValueError, is_number, quote, read_id
from posekit.data.coco.whole_body import has_scores, read_whole_body
from posekit.data.derived_box import derive_box
from posekit.data.problem_list import ProblemList


@dataclass(frozen=True)
class AnnotationReader:
    """Turns entries of ``annotations`` into objects.

    Attributes:
        categories: of the file.
        with_parts: whether outlines are wanted; without, they are read only where a box is missing.
        problems: takes what is mended; what makes an annotation unusable is raised.
    """

    categories: Categories
    with_parts: bool
    problems: ProblemList

    def read(self, entry: Mapping[str, Any], size: tuple[int, int], place: str) -> ObjectAnnotation:
        """Return one object.

        Args:
            entry: the annotation.
            size: (h, w) of its picture.
            place: where it stands, for messages.

        Raises:
            UnusableValueError: the object has to be left out.
        """
        label = self._label(entry)
        keypoints = self._keypoints(entry, label, place)
        box = read_box(entry.get("bbox"))
        parts = read_parts(entry.get("segmentation"), size) if self.with_parts or box is None else ()
        self._count_short_parts(entry, parts, place)
        return ObjectAnnotation(
            label=label,
            box=box or self._derive_box(parts, keypoints, size, place),
            keypoints=keypoints,
            parts=parts,
            crowd=_read_crowd(entry),
            area=self._area(entry, place),
        )

    def _label(self, entry: Mapping[str, Any]) -> int:
        if "category_id" not in entry:
            raise UnusableValueError("category_id", "is missing: the class of the object is unknown", "no_category_id")
        category = read_id(entry["category_id"], "category_id", "bad_category_id")
        if category not in self.categories.numbers:
            text = f"is {quote(category)}, which no entry of categories has"
            raise UnusableValueError("category_id", text, "unknown_category_id")
        label = self.categories.numbers[category]
        if label is None:
            text = f"is {category}, which is none of the 80 classes that COCO uses"
            raise UnusableValueError("category_id", text, "unused_category_id")
        return label

    def _keypoints(self, entry: Mapping[str, Any], label: int, place: str) -> Points | None:
        schema = self.categories.schema
        if schema is None:
            return None
        if not self.categories.whole_body:
            return read_padded_keypoints(entry, schema.points_of(label) or schema.count, schema.count)
        if has_scores(entry):
            text = "points of face, hands or feet have scores in place of visibilities: scores above 0 count as 1"
            self.problems.tally(place, text, "scores_as_visibility", left_out=False)
        return read_whole_body(entry)

    def _count_short_parts(self, entry: Mapping[str, Any], parts: tuple[Points, ...], place: str) -> None:
        value = entry.get("segmentation")
        if parts and isinstance(value, list) and isinstance(value[0], list) and len(parts) < len(value):
            text = "polygons of fewer than 3 points were left out"
            self.problems.tally(place, text, "short_polygon", left_out=False)

    def _derive_box(
        self, parts: tuple[Points, ...], keypoints: Points | None, size: tuple[int, int], place: str
    ) -> Box:
        """Return the box of an annotation that has no ``bbox``."""
        derived = derive_box(parts, keypoints, size)
        if derived is None:
            text = "is missing, and neither an outline nor two labelled keypoints tell where the object is"
            raise UnusableValueError("bbox", text, "no_box")
        self.problems.tally(place, f"no bbox: {derived.how} is used", derived.code, left_out=False)
        return derived.box

    def _area(self, entry: Mapping[str, Any], place: str) -> float | None:
        area = entry.get("area")
        if area is None or (is_number(area) and area >= 0):
            return None if area is None else float(area)
        self.problems.add(f"{place}.area", f"is {quote(area)}, not a number of px²; it is ignored", "bad_area")
        return None


def _read_crowd(entry: Mapping[str, Any]) -> bool:
    crowd = entry.get("iscrowd")
    if crowd is None or (isinstance(crowd, (bool, int, float)) and crowd in (0, 1)):
        return bool(crowd)
    raise UnusableValueError("iscrowd", f"is {quote(crowd)}, not 0 or 1", "bad_iscrowd")
