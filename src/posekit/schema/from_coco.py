"""Builds the keypoint schema from the categories of a COCO JSON file."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from posekit.errors import DatasetTypeError, SchemaError
from posekit.schema.flips import flip_or_warn
from posekit.schema.keypoint_schema import KeypointSchema
from posekit.schema.plain_values import is_list_of_pairs, read_names
from posekit.schema.point_names import repeated, words
from posekit.schema.recognition import recognise
from posekit.schema.warning import Warn, unheard


def shared_schema(categories: Sequence[Mapping[str, Any]], where: str, warn: Warn = unheard) -> KeypointSchema | None:
    """Return the one schema of all categories of a file that have keypoints.

    Args:
        categories: in the order of their class numbers 0, 1, ...
        where: the file, for messages.
        warn: is told of limbs that are not used and of flips that are off.

    Returns:
        The schema, whose `classes` are the numbers of the categories with keypoints; None when none has some. A
        category may have only the first of the points that another one has.

    Raises:
        DatasetTypeError: if a category is no mapping, or its ``keypoints`` are no list of names.
        SchemaError: if the point names of two categories differ otherwise.
    """
    labelled = {label: category for label, category in enumerate(categories) if _has_points(category, where)}
    if not labelled:
        return None
    counts = {
        label: len(read_names(category["keypoints"], "keypoints", _place(category, where)))
        for label, category in labelled.items()
    }
    longest = [category for label, category in labelled.items() if counts[label] == max(counts.values())]
    first = next((category for category in longest if category.get("skeleton")), longest[0])
    for category in labelled.values():
        _check_same_points(first, category, where)
    schema = schema_from_category(first, _place(first, where), warn)
    padded = len(set(counts.values())) > 1
    if schema is None or (len(labelled) == len(categories) and not padded):
        return schema
    return schema.for_classes(counts)


def schema_from_category(category: Mapping[str, Any], where: str, warn: Warn = unheard) -> KeypointSchema | None:
    """Return the schema of one category; None when it has no keypoints.

    Limbs in the file count from 1, or from 0 where a 0 is among them. Limbs that do not fit the points are not used;
    those of a known set with the same point names take their place.

    Args:
        category: with ``keypoints``, a list of K names, and perhaps ``skeleton``, a list of pairs.
        where: file and category, for messages.
        warn: is told of limbs that are not used and of flips that are off.

    Raises:
        DatasetTypeError: if ``keypoints`` is no list of names.
        SchemaError: if there are absurdly many points.
    """
    if not _has_points(category, where):
        return None
    names = read_names(category["keypoints"], "keypoints", where)
    try:
        schema = KeypointSchema(shape=(len(names), 3), names=names)
    except SchemaError as error:
        raise SchemaError(f"{where}: {error}") from error
    if repeated(names):
        warn(f"keypoints repeats {', '.join(map(repr, repeated(names)))}")
    published = recognise(names)
    skeleton = _skeleton(category.get("skeleton"), len(names), warn)
    if skeleton is None:
        skeleton = published.skeleton if published else ()
    flip = flip_or_warn([names], warn)
    sigmas = published.oks_sigmas if published else None
    return replace(schema, skeleton=skeleton, flip_idx=flip, flip_idx_ud=flip, oks_sigmas=sigmas)


def _has_points(category: Mapping[str, Any], where: str) -> bool:
    if not isinstance(category, Mapping):
        raise DatasetTypeError(f"{where}: categories hold a {type(category).__name__}, expected objects in braces")
    return bool(category.get("keypoints"))


def _place(category: Mapping[str, Any], where: str) -> str:
    return f"{where}: category {category.get('id')!r:.20} ({category.get('name')!r:.40})"


def _check_same_points(first: Mapping[str, Any], other: Mapping[str, Any], where: str) -> None:
    """Refuse a category whose points are not the first of those of another, which has as many or more."""
    ours, theirs = (
        read_names(category["keypoints"], "keypoints", _place(category, where)) for category in (first, other)
    )
    place = next((i for i, pair in enumerate(zip(ours, theirs, strict=False)) if len(set(map(words, pair))) > 1), None)
    if place is None:
        return
    raise SchemaError(
        f"{_place(first, where)} and category {other.get('id')!r:.20} ({other.get('name')!r:.40}) have different "
        f"keypoints (point {place} is {ours[place]!r} and {theirs[place]!r}): one data set needs the same points for "
        "all classes that have some, or the first of them; split the file"
    )


def _skeleton(value: Any, count: int, warn: Warn) -> tuple[tuple[int, int], ...] | None:
    """Return the limbs, 0-based; None when there are none, or none that fit K points."""
    if not value:
        return None
    if not is_list_of_pairs(value):
        warn("skeleton is no list of pairs of point numbers, and is not used")
        return None
    start = 0 if any(0 in limb for limb in value) else 1
    wrong = next((limb for limb in value if not all(start <= end < count + start for end in limb)), None)
    if wrong is not None:
        warn(
            f"skeleton limb {list(wrong)} leads to a point outside {start}..{count + start - 1}; "
            "the skeleton is not used"
        )
        return None
    if start == 0:
        warn("skeleton counts points from 0, where COCO counts from 1; it is read as counting from 0")
    return tuple((a - start, b - start) for a, b in value)
