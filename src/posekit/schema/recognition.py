"""Recognises a published point set by the names of its points, in whatever order and spelling."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from posekit.schema.known_sets import KNOWN_SETS, KnownSet, Limbs
from posekit.schema.sides import Side, Words, words_with_sides


@dataclass(frozen=True, kw_only=True)
class PublishedFacts:
    """What is published of K points, in the order that they were asked for.

    Attributes:
        title: what the set is called.
        oks_sigmas: K sigmas.
        skeleton: limbs as 0-based pairs of point indices.
        flip_idx: the mirror map, K indices; None where the names of the points tell it.
    """

    title: str
    oks_sigmas: tuple[float, ...]
    skeleton: Limbs
    flip_idx: tuple[int, ...] | None


def recognise(names: Sequence[str]) -> PublishedFacts | None:
    """Return the published facts of the points with these names; None for names of no known set.

    All names must be those of one set, each once. Case, blanks, underscores and words that all names begin with,
    such as ``left`` of a left hand, make no difference. The number of points alone says nothing.
    """
    points = words_with_sides(names)
    for start in range(_common_start(points) + 1):
        spellings = [_spelling(point[start:]) for point in points]
        for known in KNOWN_SETS:
            places = _places(spellings, known)
            if places is not None:
                return _reordered(known, places)
    return None


def _common_start(points: Sequence[Words]) -> int:
    """Return how many leading words all points share, of which at least one word must remain."""
    if len(points) < 2:
        return 0
    shortest = min(map(len, points))
    same = (len({point[place] for point in points}) == 1 for place in range(shortest - 1))
    return next((place for place, shared in enumerate(same) if not shared), max(shortest - 1, 0))


def _spelling(point: Words) -> str:
    return "".join(word.value if isinstance(word, Side) else word for word in point)


def _places(spellings: Sequence[str], known: KnownSet) -> list[int] | None:
    """Return for each spelled point its index in the known set; None unless they are the same points."""
    if len(spellings) != len(known.names):
        return None
    by_spelling = _by_spelling(known)
    places = [by_spelling[spelling] for spelling in spellings if spelling in by_spelling]
    return places if len(set(places)) == len(known.names) else None


def _by_spelling(known: KnownSet) -> Mapping[str, int]:
    return {name.replace("_", ""): index for index, names in enumerate(known.names) for name in names}


def _reordered(known: KnownSet, places: Sequence[int]) -> PublishedFacts:
    own = {place: index for index, place in enumerate(places)}
    return PublishedFacts(
        title=known.title,
        oks_sigmas=tuple(known.oks_sigmas[place] for place in places),
        skeleton=tuple((own[a], own[b]) for a, b in known.skeleton),
        flip_idx=known.flip_idx and tuple(own[known.flip_idx[place]] for place in places),
    )
