"""The keypoint schema of a dataset YAML, and of the categories of a COCO JSON file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from posekit.errors import DatasetTypeError, SchemaError
from posekit.files.values import is_index, is_pair, is_plain_number, read_list
from posekit.schema.known_sets import COCO_FLIP, recognise
from posekit.schema.schema import COCO_PERSON, KeypointSchema
from posekit.schema.sides import carries_sides, flip_from_names, repeated, unpaired_names, words

# Takes one line of text, without the name of the file, which the caller knows: ``list.append``, a logger.
Warn = Callable[[str], object]

_KEYS = ("kpt_names", "flip_idx", "flip_idx_ud", "skeleton", "kpt_oks_sigmas")


def unheard(text: str) -> None:
    """Drop a remark, for callers that want the schema alone."""


def flip_of(names: Sequence[str]) -> tuple[int, ...] | None:
    """Return the mirror map of K points that is known or that their names tell; None without one."""
    published = recognise(names)
    if published is not None and published.flip_idx is not None:
        return published.flip_idx
    return flip_from_names(names)


def flip_or_warn(name_lists: Sequence[Sequence[str]], warn: Warn) -> tuple[int, ...] | None:
    """Return the mirror map that all lists of names agree on; None, with the reason as a warning, otherwise.

    Shorter lists have to agree with the first points of the longest.
    """
    flips = [flip_of(names) for names in name_lists]
    flip = flips[max(range(len(flips)), key=lambda place: len(name_lists[place]))]
    if flip is None or any(other != flip[: len(names)] for other, names in zip(flips, name_lists, strict=True)):
        flip = None
        warn(f"flips are off: {_reason(name_lists)}; flip_idx gives for each point the one whose place it takes")
    return flip


def check_flip(flip: Sequence[int], name_lists: Sequence[Sequence[str]], warn: Warn) -> None:
    """Compare a given mirror map, K indices, with the names of the points, one list per class that has its own.

    Raises:
        SchemaError: if the map moves no point although names tell left from right; lesser contradictions are warnings.
    """
    for names in name_lists:
        expected, own = flip_of(names), tuple(flip)[: len(names)]
        if own == tuple(range(len(names))) and carries_sides(names):
            advice = f"write flip_idx: {list(expected)}, or leave it out" if expected else "leave it out"
            raise SchemaError(
                f"flip_idx moves none of the K = {len(names)} points, but their names tell left from right: {advice}"
            )
        if expected is not None and own != expected:
            place = next(i for i, other in enumerate(expected) if own[i] != other)
            partner = repr(names[own[place]]) if own[place] < len(names) else f"point {own[place]}, which is padding"
            warn(
                f"flip_idx takes {names[place]!r} to {partner}, where its name asks for "
                f"{names[expected[place]]!r}; flip_idx is followed"
            )


def _reason(name_lists: Sequence[Sequence[str]]) -> str:
    unpaired = [name for names in name_lists for name in unpaired_names(names)]
    if unpaired:
        more = f" and {len(unpaired) - 3} more have" if len(unpaired) > 3 else " has" if len(unpaired) == 1 else " have"
        return f"{', '.join(map(repr, unpaired[:3]))}{more} no single counterpart on the other side"
    if not any(map(carries_sides, name_lists)):
        return "there is no flip_idx, and no point name tells left or right"
    return "the point names of the classes tell different mirror maps"


@dataclass(frozen=True, kw_only=True)
class YamlNames:
    """Point names as a dataset YAML gives them.

    Attributes:
        lists: different lists of names, one for all classes or one for each class that has its own; empty without.
            The longest has K names.
        classes: numbers of the classes that have keypoints; None for all.
        class_points: how many names each of `classes` has; None where all have K.
    """

    lists: tuple[tuple[str, ...], ...] = ()
    classes: tuple[int, ...] | None = None
    class_points: tuple[int, ...] | None = None

    @property
    def joined(self) -> tuple[str, ...]:
        """K names for all classes; where they name a point differently, it bears all its names: ``paw/hoof``."""
        return tuple("/".join(dict.fromkeys(filter(None, names))) for names in zip_longest(*self.lists))


def read_kpt_names(data: Mapping[str, Any], count: int, where: str) -> YamlNames:
    """Read ``kpt_names``: a list of K names, or such lists, perhaps shorter ones, by class number.

    `where` is the file, for messages about types; those about contradictions leave it to the caller.
    """
    value = data.get("kpt_names")
    if value is None:
        return YamlNames()
    if not isinstance(value, Mapping):
        names = read_names(value, "kpt_names", where)
        _check_count(names, "kpt_names", count)
        return YamlNames(lists=(names,))
    if not value or not all(is_index(label) and label >= 0 for label in value):
        raise DatasetTypeError(
            f"{where}: kpt_names must be one list of names, or one list per class number, such as {{0: [nose, tail]}}"
        )
    lists = {label: read_names(value[label], f"kpt_names[{label}]", where) for label in sorted(value)}
    longest = max(lists, key=lambda label: len(lists[label]))
    _check_count(lists[longest], f"kpt_names[{longest}]", count)
    classes, class_points = _classes(data, list(lists)), None
    if any(len(names) < count for names in lists.values()):
        classes, class_points = tuple(lists), tuple(map(len, lists.values()))
    return YamlNames(lists=tuple(dict.fromkeys(lists.values())), classes=classes, class_points=class_points)


def read_names(value: Any, key: str, where: str) -> tuple[str, ...]:
    """Return a list of point names; numbers count as names, but YAML reads off, no and null as no text."""
    expected = "a list of point names (with quotes around names like 'off' and 'no')"
    return tuple(map(str, read_list(value, _is_name, key, where, expected)))


def _is_name(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else isinstance(value, float) or is_index(value)


def _pairs(value: Any, where: str) -> tuple[tuple[int, int], ...]:
    expected = "a list of pairs of point indices, such as [[0, 1], [1, 2]]"
    return tuple((a, b) for a, b in read_list(value, is_pair, "skeleton", where, expected))


def _sigmas(value: Any, where: str) -> tuple[float, ...]:
    expected = "a list of plain numbers, such as [0.05, 0.1] (YAML takes 5e-2 for text)"
    return tuple(map(float, read_list(value, is_plain_number, "kpt_oks_sigmas", where, expected)))


def _check_count(names: tuple[str, ...], key: str, count: int) -> None:
    if len(names) != count:
        raise SchemaError(f"{key} has {len(names)} names, but kpt_shape says K = {count} points")


def _classes(data: Mapping[str, Any], labels: list[int]) -> tuple[int, ...] | None:
    """Return the classes with keypoints; None when that is all classes of the data set."""
    classes = _class_count(data)
    if classes is None:
        return tuple(labels)
    if labels[-1] >= classes:
        raise SchemaError(f"kpt_names has class {labels[-1]}, but the data set has {classes} classes, counted from 0")
    return None if len(labels) == classes else tuple(labels)


def _class_count(data: Mapping[str, Any]) -> int | None:
    names, number = data.get("names"), data.get("nc")
    if isinstance(names, (list, tuple, Mapping)):
        return len(names)
    return number if is_index(number) else None


def schema_from_yaml(data: Mapping[str, Any], where: str, warn: Warn = unheard) -> KeypointSchema | None:
    """Build the schema that a dataset YAML describes; None without ``kpt_shape``.

    Read are ``kpt_shape``, ``kpt_names``, ``flip_idx``, ``flip_idx_ud``, ``skeleton`` (from 0) and
    ``kpt_oks_sigmas``; ``names`` and ``nc`` only tell how many classes there are. What is left out comes from the
    known set with the same point names; a missing ``flip_idx`` from left and right in the names. 17 points without
    names are COCO's person, unless their ``flip_idx`` is another one. `warn` is told what is doubtful.

    Raises:
        DatasetTypeError: if a key holds a value of the wrong type.
        SchemaError: if the keys contradict each other.
    """
    if data.get("kpt_shape") is None:
        _warn_of_stray_keys(data, warn)
        return None
    try:
        shape = _shape(data, where)
        names = read_kpt_names(data, shape[0], where)
        given = _given(data, shape, names, where)
        return _completed(given, names.lists, limbs_given=data.get("skeleton") is not None, warn=warn)
    except SchemaError as error:
        raise SchemaError(f"{where}: {error}") from error


def _warn_of_stray_keys(data: Mapping[str, Any], warn: Warn) -> None:
    stray = [key for key in _KEYS if data.get(key) is not None]
    if stray:
        warn(f"there are no keypoints without kpt_shape; ignored: {', '.join(stray)}")


def _shape(data: Mapping[str, Any], where: str) -> tuple[int, int]:
    expected = "[K, 2] or [K, 3], such as [17, 3]"
    shape = read_list(data["kpt_shape"], is_index, "kpt_shape", where, expected)
    if len(shape) != 2:
        raise SchemaError(f"kpt_shape {list(shape)} has {len(shape)} numbers, expected {expected}")
    return KeypointSchema(shape=(shape[0], shape[1])).shape


def _given(data: Mapping[str, Any], shape: tuple[int, int], names: YamlNames, where: str) -> KeypointSchema:
    """Return the schema as far as the YAML gives it."""

    def flip(key: str) -> tuple[int, ...] | None:
        value, expected = data.get(key), f"a list of {shape[0]} point indices from 0"
        return None if value is None else read_list(value, is_index, key, where, expected)

    limbs, sigmas = data.get("skeleton"), data.get("kpt_oks_sigmas")
    return KeypointSchema(
        shape=shape,
        names=names.joined,
        skeleton=() if limbs is None else _pairs(limbs, where),
        flip_idx=flip("flip_idx"),
        flip_idx_ud=flip("flip_idx_ud"),
        oks_sigmas=None if sigmas is None else _sigmas(sigmas, where),
        classes=names.classes,
        class_points=names.class_points,
    )


def _completed(
    given: KeypointSchema, name_lists: Sequence[Sequence[str]], *, limbs_given: bool, warn: Warn
) -> KeypointSchema:
    """Fill in what the names of the points tell."""
    _warn_of_names(name_lists, warn)
    names = given.names if name_lists or not _looks_like_coco(given) else COCO_PERSON.names
    flip = _flip(given, name_lists, warn)
    completed = replace(given, names=names, flip_idx=flip)
    if given.flip_idx_ud is None:
        completed = replace(completed, flip_idx_ud=flip)
    published = recognise(names)
    if published is not None and not limbs_given:
        completed = replace(completed, skeleton=published.skeleton)
    if published is not None and given.oks_sigmas is None:
        completed = replace(completed, oks_sigmas=published.oks_sigmas)
    return completed


def _flip(given: KeypointSchema, name_lists: Sequence[Sequence[str]], warn: Warn) -> tuple[int, ...] | None:
    if given.flip_idx is not None:
        check_flip(given.flip_idx, name_lists, warn)
        return given.flip_idx
    if not name_lists and _looks_like_coco(given):
        warn(f"flips are off: there is no flip_idx; if the points are those of COCO's person, it is {list(COCO_FLIP)}")
        return None
    return flip_or_warn(name_lists or [given.names], warn)


def _looks_like_coco(given: KeypointSchema) -> bool:
    """Return whether unnamed points can be taken for COCO's person: a mirror map of others says they are not."""
    if given.flip_idx is None:
        return given.shape == COCO_PERSON.shape
    return given.flip_idx == COCO_PERSON.flip_idx


def _warn_of_names(name_lists: Sequence[Sequence[str]], warn: Warn) -> None:
    for names in name_lists:
        if repeated(names):
            warn(f"kpt_names repeats {', '.join(map(repr, repeated(names)))}")
    longest = max(name_lists, key=len, default=())
    if any(tuple(names) != tuple(longest[: len(names)]) for names in name_lists):
        warn("kpt_names differs from class to class; a point bears all its names, such as paw/hoof")


def shared_schema(categories: Sequence[Mapping[str, Any]], where: str, warn: Warn = unheard) -> KeypointSchema | None:
    """Return the one schema of all categories of a file that have keypoints; None when none has some.

    The categories come in the order of their class numbers 0, 1, ...; `classes` of the schema are the numbers of those
    with keypoints. A category may have only the first of the points that another one has.

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
    """Return the schema of one category of a COCO JSON file; None when it has no keypoints.

    Limbs in the file count from 1, or from 0 where a 0 is among them. Limbs that do not fit the points are not used;
    those of a known set with the same point names take their place. `warn` is told of these and of flips that are off.

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
    if not (isinstance(value, (list, tuple)) and all(map(is_pair, value))):
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
