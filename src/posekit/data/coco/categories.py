"""The ``categories`` of a COCO file: classes and keypoints."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from posekit.data.annotation import Points
from posekit.data.coco.fields import list_length, load_coco, read_keypoints, read_triplets
from posekit.errors import DatasetError, UnknownChoiceError
from posekit.files.problems import Problem, ProblemList
from posekit.files.values import UnusableValueError, quote, read_id
from posekit.schema.known_sets import WHOLE_BODY
from posekit.schema.read import shared_schema
from posekit.schema.schema import KeypointSchema

ClassNumbers = Literal["rank", "coco80", "id"]

# COCO numbers its 80 classes from 1 to 90; no picture of its object sets uses the others.
_UNUSED_IDS = frozenset({12, 26, 29, 30, 45, 66, 68, 69, 71, 83})
COCO_IDS = tuple(category for category in range(1, 91) if category not in _UNUSED_IDS)
_MOST_CLASSES = 100_000

# Keypoints of whole bodies, in the order of the parts.
BODY = 17
PARTS = (("foot", 6), ("face", 68), ("lefthand", 21), ("righthand", 21))


def _number_classes(ids: Collection[int], rule: ClassNumbers) -> dict[int, int | None]:
    """Return the class number of each category id; None for an id that has none.

    The rule "rank" takes the place among the ids in ascending order, "coco80" the 80 classes of COCO for its ids 1 to
    90, "id" id - 1.

    Raises:
        UnknownChoiceError: the rule is none of these.
    """
    if rule == "rank":
        return {category: number for number, category in enumerate(sorted(ids))}
    if rule == "coco80":
        places = {category: number for number, category in enumerate(COCO_IDS)}
        return {category: places.get(category) for category in ids}
    if rule == "id":
        return {category: category - 1 if 0 < category <= _MOST_CLASSES else None for category in ids}
    raise UnknownChoiceError(f"class_numbers={rule!r} is none of {', '.join(get_args(ClassNumbers))}")


def _class_count(numbers: Collection[int | None], rule: ClassNumbers) -> int:
    """Return how many classes there are, those that no category became included."""
    if rule == "coco80":
        return len(COCO_IDS)
    return max((number for number in numbers if number is not None), default=-1) + 1


def _is_whole_body(annotations: Sequence[Any]) -> bool:
    """Tell whether any annotation has all four lists beyond ``keypoints``."""
    keys = {f"{part}_kpts" for part, _ in PARTS}
    return any(isinstance(entry, dict) and keys <= entry.keys() for entry in annotations)


def read_whole_body(entry: Mapping[str, Any]) -> Points | None:
    """Return the 133 keypoints of an annotation.

    Parts that are missing, or marked as invalid (``face_valid`` false and so on), are unlabelled. Where a part has
    scores in place of visibilities, as the published files do for some hands, a score above 0 becomes 1. The answer
    is (133, 3) x, y in pixels, visibility; None when none of the five lists is there.
    """
    body = read_keypoints(entry, BODY)
    if body is None and not any(entry.get(f"{part}_kpts") for part, _ in PARTS):
        return None
    parts = [np.zeros((BODY, 3)) if body is None else body]
    return np.concatenate([*parts, *(_read_part(entry, part, count) for part, count in PARTS)])


def has_scores(entry: Mapping[str, Any]) -> bool:
    """Tell whether a part that counts has other third numbers than 0, 1 and 2."""
    return any(
        isinstance(values := entry.get(f"{part}_kpts"), list)
        and entry.get(f"{part}_valid") is not False
        and any(isinstance(value, float) and value not in (0, 1, 2) for value in values[2::3])
        for part, _ in PARTS
    )


def _read_part(entry: Mapping[str, Any], part: str, count: int) -> Points:
    field = f"{part}_kpts"
    value = entry.get(field)
    if value is None or value == [] or entry.get(f"{part}_valid") is False:
        return np.zeros((count, 3))
    points = read_triplets(value, field, count)
    scores = points[:, 2]
    points[:, 2] = np.where(np.isin(scores, (0, 1, 2)), scores, scores > 0)
    return points


def _whole_body_category(category: Mapping[str, Any]) -> dict[str, Any]:
    """Return a COCO category with the names and limbs (1-based) of all 133 points in place of its 17."""
    names = [spellings[0] for spellings in WHOLE_BODY.names]
    return {**category, "keypoints": names, "skeleton": [[a + 1, b + 1] for a, b in WHOLE_BODY.skeleton]}


@dataclass(frozen=True, kw_only=True)
class Categories:
    """What a COCO file says of its classes.

    Attributes:
        numbers: class number by category id; None for a category that is no class.
        names: class names by number 0, 1, ...
        schema: the keypoints that all classes share, though some may have only the first of them; None without.
        whole_body: whether objects have the 133 points of COCO-WholeBody in five lists.
    """

    numbers: dict[int, int | None]
    names: dict[int, str]
    schema: KeypointSchema | None
    whole_body: bool = False


def read_categories(path: Path) -> tuple[dict[int, str], KeypointSchema | None, list[Problem]]:
    """Return class names by number, keypoints, and what is wrong with the categories of a COCO JSON file.

    Class numbers are the places of the category ids in ascending order.

    Raises:
        DatasetError: it is no COCO ground truth, or its keypoint lists do not fit its categories.
        SchemaError: the categories have different keypoints.
    """
    problems = ProblemList(str(path))
    categories = find_categories(load_coco(path), path, problems, "rank")
    return categories.names, categories.schema, list(problems.all())


def find_categories(content: Mapping[str, Any], path: Path, problems: ProblemList, rule: ClassNumbers) -> Categories:
    """Return the categories of what `load_coco` gave; errors and `problems` are those of `read_categories`."""
    annotations = content["annotations"]
    entries = _entries(content["categories"], problems) or _entries_of_annotations(annotations, problems)
    numbers = _number_classes(entries, rule)
    count = _class_count(numbers.values(), rule)
    by_number = {number: entries[key] for key, number in numbers.items() if number is not None}
    whole_body = _is_whole_body(annotations)
    if whole_body:
        by_number = {number: _with_whole_body(entry) for number, entry in by_number.items()}
    schema = shared_schema(
        [by_number.get(number, {}) for number in range(count)],
        str(path),
        lambda text: problems.add("categories", text, "keypoint_schema"),
    )
    if schema is None:
        whole_body, schema = False, _unnamed_schema(annotations, problems)
    if schema is not None:
        counts = {BODY} if whole_body else {schema.count, *(schema.class_points or ())}
        _check_lengths(annotations, counts, path)
    names = {
        number: str(by_number[number]["name"]) if number in by_number else f"class_{number}" for number in range(count)
    }
    return Categories(numbers=numbers, names=names, schema=schema, whole_body=whole_body)


def _entries(categories: Sequence[Any], problems: ProblemList) -> dict[int, dict[str, Any]]:
    """Return the usable entries by id, each with a name."""
    found: dict[int, dict[str, Any]] = {}
    for position, entry in enumerate(categories):
        place = f"categories[{position}]"
        try:
            if not isinstance(entry, dict):
                raise UnusableValueError("id", f"the entry is {quote(entry)}, not a dictionary", "bad_category")
            key = read_id(entry.get("id"), "id", "bad_category_id")
            if key in found:
                raise UnusableValueError("id", f"is {key} again; the first entry counts", "duplicate_category_id")
        except UnusableValueError as error:
            error.add_to(problems, place)
            continue
        name = entry.get("name")
        if not isinstance(name, str) or not name.strip():
            problems.add(f"{place}.name", f"is {quote(name)}: the class is called category_{key}", "bad_category_name")
            name = f"category_{key}"
        found[key] = {**entry, "name": name}
    return found


def _entries_of_annotations(annotations: Sequence[Any], problems: ProblemList) -> dict[int, dict[str, Any]]:
    """Return an entry for each category id that annotations use, for files that list no categories."""
    values = (entry.get("category_id") for entry in annotations if isinstance(entry, dict))
    ids = {value for value in values if type(value) is int and value >= 0}
    if ids:
        text = f"lists none: the {len(ids)} category ids of the annotations are taken as classes without names"
        problems.add("categories", text, "no_categories")
    return {key: {"id": key, "name": f"category_{key}"} for key in ids}


def _with_whole_body(entry: dict[str, Any]) -> dict[str, Any]:
    names = entry.get("keypoints")
    return _whole_body_category(entry) if isinstance(names, list) and len(names) == BODY else entry


def _unnamed_schema(annotations: Sequence[Any], problems: ProblemList) -> KeypointSchema | None:
    """Return a schema for keypoints that no category names; None without keypoints."""
    lengths = Counter(length for entry in annotations if (length := list_length(entry, 0)) and length % 3 == 0)
    if not lengths:
        return None
    count = lengths.most_common(1)[0][0] // 3
    text = f"name no keypoints, but annotations have {count}: posekit knows neither their limbs nor left and right"
    problems.add("categories", text, "unnamed_keypoints")
    return KeypointSchema(shape=(count, 3))


def _check_lengths(annotations: Sequence[Any], counts: set[int], path: Path) -> None:
    """Refuse a file in which not one keypoint list has the right length: it is of another form."""
    count = max(counts)
    lengths = Counter(length for entry in annotations if (length := list_length(entry, count)))
    if not lengths or any(3 * number in lengths for number in counts):
        return
    length, number = lengths.most_common(1)[0]
    points = f", those of {length // 3} points" if length % 3 == 0 else ""
    raise DatasetError(
        f"{path}: none of the {lengths.total()} keypoint lists fits the {count} points that the categories name: each "
        f"needs {3 * count} values (x, y, visibility per point), but {number} have {length}{points}. Name all "
        "points in the category's keypoints; COCO-WholeBody keeps those beyond 17 under foot_kpts, face_kpts, "
        "lefthand_kpts and righthand_kpts"
    )
