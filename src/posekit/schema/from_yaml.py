"""Builds the keypoint schema from a dataset YAML."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from posekit.errors import SchemaError
from posekit.schema.flips import check_flip, flip_or_warn
from posekit.schema.keypoint_schema import COCO_PERSON, KeypointSchema
from posekit.schema.known_sets import COCO_FLIP
from posekit.schema.plain_values import read_indices, read_numbers, read_pairs
from posekit.schema.point_names import repeated
from posekit.schema.recognition import recognise
from posekit.schema.warning import Warn, unheard
from posekit.schema.yaml_names import YamlNames, read_kpt_names

_KEYS = ("kpt_names", "flip_idx", "flip_idx_ud", "skeleton", "kpt_oks_sigmas")


def schema_from_yaml(data: Mapping[str, Any], where: str, warn: Warn = unheard) -> KeypointSchema | None:
    """Build the schema that a dataset YAML describes.

    Read are ``kpt_shape``, ``kpt_names``, ``flip_idx``, ``flip_idx_ud``, ``skeleton`` (from 0) and
    ``kpt_oks_sigmas``; ``names`` and ``nc`` only tell how many classes there are. What is left out comes from the
    known set with the same point names; a missing ``flip_idx`` from left and right in the names. 17 points without
    names are COCO's person, unless their ``flip_idx`` is another one.

    Args:
        data: the contents of the YAML.
        where: the file, for messages.
        warn: is told what is doubtful, such as flips that are off.

    Returns:
        The schema; None without ``kpt_shape``.

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
    shape = read_indices(data["kpt_shape"], "kpt_shape", where, expected)
    if len(shape) != 2:
        raise SchemaError(f"kpt_shape {list(shape)} has {len(shape)} numbers, expected {expected}")
    return KeypointSchema(shape=(shape[0], shape[1])).shape


def _given(data: Mapping[str, Any], shape: tuple[int, int], names: YamlNames, where: str) -> KeypointSchema:
    """Return the schema as far as the YAML gives it."""

    def flip(key: str) -> tuple[int, ...] | None:
        value = data.get(key)
        return None if value is None else read_indices(value, key, where, f"a list of {shape[0]} point indices from 0")

    limbs, sigmas = data.get("skeleton"), data.get("kpt_oks_sigmas")
    return KeypointSchema(
        shape=shape,
        names=names.joined,
        skeleton=() if limbs is None else read_pairs(limbs, "skeleton", where),
        flip_idx=flip("flip_idx"),
        flip_idx_ud=flip("flip_idx_ud"),
        oks_sigmas=None if sigmas is None else read_numbers(sigmas, "kpt_oks_sigmas", where),
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
