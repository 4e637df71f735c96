"""The published point sets: names, OKS sigmas and limbs of body, hand, face, foot and animal points.

Names, limbs and sigmas are public facts of COCO, COCO-WholeBody, CrowdPose and AP-10K.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from posekit.schema.sides import Side, Words, words_with_sides

Limbs = tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True)
class KnownSet:
    """A point set with published OKS sigmas.

    Attributes:
        title: what it is called in messages.
        names: for each of the K points the names that are used for it, the usual one first.
        oks_sigmas: K published sigmas.
        skeleton: limbs as 0-based pairs of point indices.
        flip_idx: its left-right mirror map; None where it is left to the sides in the names.
    """

    title: str
    names: tuple[tuple[str, ...], ...]
    oks_sigmas: tuple[float, ...]
    skeleton: Limbs
    flip_idx: tuple[int, ...] | None = None


def _once(names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    return tuple((name,) for name in names)


def _chain(*points: int) -> Limbs:
    return tuple(pairwise(points))


def _shifted(pairs: Limbs, offset: int) -> Limbs:
    return tuple((a + offset, b + offset) for a, b in pairs)


_FINGERS = {
    "forefinger": ("forefinger", "index_finger", "index"),
    "middle_finger": ("middle_finger", "middle"),
    "ring_finger": ("ring_finger", "ring"),
    "pinky_finger": ("pinky_finger", "pinky", "little_finger"),
}


def _hand_names() -> tuple[tuple[str, ...], ...]:
    """Return root, thumb 1-4 and fingers 1-4, numbered or by the names of their joints."""
    points: list[tuple[str, ...]] = [("hand_root", "wrist", "root")]
    points += [(f"thumb{i}", f"thumb_{joint}") for i, joint in enumerate(("cmc", "mcp", "ip", "tip"), start=1)]
    for names in _FINGERS.values():
        for i, joint in enumerate(("mcp", "pip", "dip", "tip"), start=1):
            points.append(tuple(f"{name}_{form}" for name in names for form in (i, joint)))
    return tuple(points)


def _hand_names_of(side: str) -> tuple[tuple[str, ...], ...]:
    """Return the names of a hand's points beside those of the body, whose wrist is another point."""
    points = []
    for names in _hand_names():
        beside_body = [f"{side}_{name}" for name in names if name != "wrist"]
        points.append(tuple(dict.fromkeys([*beside_body, *(f"{side}_hand_{name}" for name in names)])))
    return tuple(points)


COCO_FLIP = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)

# The 68 face points are numbered, so that no name tells their sides.
_FACE_FLIP = (
    *range(16, -1, -1),  # jaw
    *range(26, 16, -1),  # brows
    *range(27, 31), *range(35, 30, -1),  # nose
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,  # eyes
    *range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), *range(67, 64, -1),  # mouth
)  # fmt: skip

COCO = KnownSet(
    title="COCO",
    names=_once((
        "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
        "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip",
        "left_knee", "right_knee", "left_ankle", "right_ankle",
    )),
    oks_sigmas=(
        0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107,
        0.087, 0.087, 0.089, 0.089,
    ),
    skeleton=(
        (15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7), (6, 8),
        (7, 9), (8, 10), (1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6),
    ),
    flip_idx=COCO_FLIP,
)  # fmt: skip

CROWDPOSE = KnownSet(
    title="CrowdPose",
    names=(
        *_once((
            "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip",
            "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
        )),
        ("head", "top_head"),
        ("neck",),
    ),
    oks_sigmas=(0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089, 0.079, 0.079),
    skeleton=(
        (10, 8), (8, 6), (11, 9), (9, 7), (6, 7), (0, 6), (1, 7), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (12, 13),
        (1, 13), (0, 13),
    ),
)  # fmt: skip

AP10K = KnownSet(
    title="AP-10K",
    names=_once((
        "left_eye", "right_eye", "nose", "neck", "root_of_tail", "left_shoulder", "left_elbow", "left_front_paw",
        "right_shoulder", "right_elbow", "right_front_paw", "left_hip", "left_knee", "left_back_paw", "right_hip",
        "right_knee", "right_back_paw",
    )),
    oks_sigmas=(
        0.025, 0.025, 0.026, 0.035, 0.035, 0.079, 0.072, 0.062, 0.079, 0.072, 0.062, 0.107, 0.087, 0.089, 0.107,
        0.087, 0.089,
    ),
    skeleton=(
        (0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (3, 5), (5, 6), (6, 7), (3, 8), (8, 9), (9, 10), (4, 11), (11, 12),
        (12, 13), (4, 14), (14, 15), (15, 16),
    ),
)  # fmt: skip

HAND = KnownSet(
    title="COCO-WholeBody hand",
    names=_hand_names(),
    oks_sigmas=(
        0.029, 0.022, 0.035, 0.037, 0.047, 0.026, 0.025, 0.024, 0.035, 0.018, 0.024, 0.022, 0.026, 0.017, 0.021,
        0.021, 0.032, 0.020, 0.019, 0.022, 0.031,
    ),
    skeleton=tuple(limb for finger in range(1, 21, 4) for limb in _chain(0, *range(finger, finger + 4))),
)  # fmt: skip

FACE = KnownSet(
    title="COCO-WholeBody face",
    names=_once([f"face_{i}" for i in range(68)]),
    oks_sigmas=(
        0.042, 0.043, 0.044, 0.043, 0.040, 0.035, 0.031, 0.025, 0.020, 0.023, 0.029, 0.032, 0.037, 0.038, 0.043,
        0.041, 0.045, 0.013, 0.012, 0.011, 0.011, 0.012, 0.012, 0.011, 0.011, 0.013, 0.015, 0.009, 0.007, 0.007,
        0.007, 0.012, 0.009, 0.008, 0.016, 0.010, 0.017, 0.011, 0.009, 0.011, 0.009, 0.007, 0.013, 0.008, 0.011,
        0.012, 0.010, 0.034, 0.008, 0.008, 0.009, 0.008, 0.008, 0.007, 0.010, 0.008, 0.009, 0.009, 0.009, 0.007,
        0.007, 0.008, 0.011, 0.008, 0.008, 0.008, 0.010, 0.008,
    ),
    skeleton=(
        *_chain(*range(17)),  # jaw
        *_chain(*range(17, 22)), *_chain(*range(22, 27)),  # brows
        *_chain(*range(27, 31)), *_chain(*range(31, 36)),  # nose
        *_chain(*range(36, 42), 36), *_chain(*range(42, 48), 42),  # eyes
        *_chain(*range(48, 60), 48), *_chain(*range(60, 68), 60),  # mouth
    ),
    flip_idx=_FACE_FLIP,
)  # fmt: skip

FEET = KnownSet(
    title="COCO-WholeBody feet",
    names=_once((
        "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel",
    )),
    oks_sigmas=(0.068, 0.066, 0.066, 0.092, 0.094, 0.094),
    skeleton=((2, 0), (2, 1), (5, 3), (5, 4)),
)  # fmt: skip

WHOLE_BODY = KnownSet(
    title="COCO-WholeBody",
    names=(*COCO.names, *FEET.names, *FACE.names, *_hand_names_of("left"), *_hand_names_of("right")),
    oks_sigmas=(*COCO.oks_sigmas, *FEET.oks_sigmas, *FACE.oks_sigmas, *HAND.oks_sigmas, *HAND.oks_sigmas),
    skeleton=(
        *COCO.skeleton,
        (15, 17), (15, 18), (15, 19), (16, 20), (16, 21), (16, 22),  # ankles to the feet
        *_shifted(FACE.skeleton, 23),
        (9, 91), *_shifted(HAND.skeleton, 91),
        (10, 112), *_shifted(HAND.skeleton, 112),
    ),
    flip_idx=(
        *COCO_FLIP,
        *range(20, 23), *range(17, 20),
        *(23 + i for i in _FACE_FLIP),
        *range(112, 133), *range(91, 112),
    ),
)  # fmt: skip

KNOWN_SETS = (COCO, CROWDPOSE, AP10K, HAND, FACE, FEET, WHOLE_BODY)


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
