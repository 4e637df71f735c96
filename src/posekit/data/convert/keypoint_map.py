"""Keypoints of one data set brought to the points of another, by name."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from posekit.data.annotation import AnnotationSet, ObjectAnnotation, Points
from posekit.errors import SettingError
from posekit.files.problems import Problem
from posekit.schema.schema import KeypointSchema
from posekit.schema.sides import flip_from_names, words


def map_keypoints(annotations: AnnotationSet, names: Sequence[str], *, file: str) -> AnnotationSet:
    """Return the set with exactly the points `names`, in that order.

    A name stands for the point of the same name; case, blanks and underscores make no difference. A point that the
    set lacks is unlabelled in all objects; a point that is not asked for is dropped. Each is named in a problem.

    Args:
        annotations: a set with keypoints.
        names: the target points; each once.
        file: what problems are said of.

    Raises:
        SettingError: a name is there twice, no name fits, or the set has no keypoints.
    """
    schema = annotations.schema
    if schema is None:
        raise SettingError(f"names={list(names)}: {file} has no keypoints to put into that order")
    if len(set(map(words, names))) != len(names):
        raise SettingError(f"names={list(names)}: each keypoint must be named once")
    sources = _sources(schema.names, names)
    if all(source is None for source in sources):
        raise SettingError(f"names={list(names)}: none of them is a keypoint of {file}, which has {list(schema.names)}")
    return replace(
        annotations,
        schema=_mapped_schema(schema, names, sources),
        pictures=tuple(
            replace(picture, objects=tuple(_mapped(thing, sources) for thing in picture.objects))
            for picture in annotations.pictures
        ),
        problems=(*annotations.problems, *_differences(annotations, schema, names, sources, file)),
    )


def _sources(present: Sequence[str], wanted: Sequence[str]) -> list[int | None]:
    """Return for each wanted name the index of the point it means; the same spelling goes first."""
    exact = {name: index for index, name in enumerate(present)}
    alike: dict[tuple[str, ...], list[int]] = {}
    for index, name in enumerate(present):
        alike.setdefault(words(name), []).append(index)

    def source(name: str) -> int | None:
        similar = alike.get(words(name), [])
        return exact.get(name, similar[0] if len(similar) == 1 else None)

    return [source(name) for name in wanted]


def _mapped(thing: ObjectAnnotation, sources: Sequence[int | None]) -> ObjectAnnotation:
    if thing.keypoints is None:
        return thing
    rows: Points = np.zeros((len(sources), 3))
    for row, source in enumerate(sources):
        if source is not None:
            rows[row] = thing.keypoints[source]
    return replace(thing, keypoints=rows)


def _mapped_schema(schema: KeypointSchema, names: Sequence[str], sources: Sequence[int | None]) -> KeypointSchema:
    place = {source: row for row, source in enumerate(sources) if source is not None}
    limbs = tuple((place[a], place[b]) for a, b in schema.skeleton if a in place and b in place)
    return KeypointSchema(
        shape=(len(names), schema.shape[1]),
        names=tuple(names),
        skeleton=limbs,
        flip_idx=_mapped_flip(schema.flip_idx, sources, place) or flip_from_names(names),
        flip_idx_ud=_mapped_flip(schema.flip_idx_ud, sources, place),
        oks_sigmas=_mapped_sigmas(schema.oks_sigmas, sources),
        classes=schema.classes,
    )


def _mapped_flip(
    flip: tuple[int, ...] | None, sources: Sequence[int | None], place: dict[int, int]
) -> tuple[int, ...] | None:
    """Return the mirror map in the new order; None when a point or its partner is not among the old ones."""
    if flip is None or any(source is None or flip[source] not in place for source in sources):
        return None
    return tuple(place[flip[source]] for source in sources if source is not None)


def _mapped_sigmas(sigmas: tuple[float, ...] | None, sources: Sequence[int | None]) -> tuple[float, ...] | None:
    if sigmas is None or None in sources:
        return None
    return tuple(sigmas[source] for source in sources if source is not None)


def _differences(
    annotations: AnnotationSet,
    schema: KeypointSchema,
    names: Sequence[str],
    sources: Sequence[int | None],
    file: str,
) -> list[Problem]:
    objects = [thing for picture in annotations.pictures for thing in picture.objects]
    labelled = sum(
        (thing.keypoints[:, 2] > 0 for thing in objects if thing.keypoints is not None), np.zeros(schema.count, int)
    )
    missing = [name for name, source in zip(names, sources, strict=True) if source is None]
    dropped = [f"{name} ({labelled[i]})" for i, name in enumerate(schema.names) if i not in sources]
    problems = []
    if missing:
        text = f"has no keypoint {', '.join(missing)}: unlabelled in all objects; it has {', '.join(schema.names)}"
        problems.append(Problem(file=file, message=text, code="missing_keypoint"))
    if dropped:
        text = f"keypoints that names= does not list are dropped (in so many objects labelled): {', '.join(dropped)}"
        problems.append(Problem(file=file, message=text, code="dropped_keypoint"))
    return problems
