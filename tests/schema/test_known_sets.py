"""Published point sets, and how names are recognised as theirs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.schema.known_sets import AP10K, COCO, CROWDPOSE, FACE, FEET, HAND, KNOWN_SETS, WHOLE_BODY, recognise
from posekit.schema.sides import flip_from_names

COUNTS = {COCO: 17, CROWDPOSE: 14, AP10K: 17, HAND: 21, FACE: 68, FEET: 6, WHOLE_BODY: 133}


def usual_names(known):
    return [names[0] for names in known.names]


@pytest.mark.parametrize("known", KNOWN_SETS, ids=lambda known: known.title)
def test_every_set_is_complete_and_consistent(known):
    count = COUNTS[known]
    spellings = [name for names in known.names for name in names]
    assert len(known.names) == len(known.oks_sigmas) == count
    assert len(set(spellings)) == len(spellings)
    assert all(0.005 < sigma < 0.11 for sigma in known.oks_sigmas)
    assert {end for limb in known.skeleton for end in limb} <= set(range(count))
    assert len({frozenset(limb) for limb in known.skeleton}) == len(known.skeleton)
    assert all(a != b for a, b in known.skeleton)


@pytest.mark.parametrize("known", KNOWN_SETS, ids=lambda known: known.title)
def test_limbs_are_the_same_in_the_mirror(known):
    flip = known.flip_idx or flip_from_names(usual_names(known)) or range(COUNTS[known])
    limbs = {frozenset(limb) for limb in known.skeleton}
    assert {frozenset(flip[end] for end in limb) for limb in limbs} == limbs


SUMS = {
    "COCO": 1.138,
    "CrowdPose": 1.15,
    "AP-10K": 1.138,
    "COCO-WholeBody hand": 0.553,
    "COCO-WholeBody face": 1.137,
    "COCO-WholeBody feet": 0.48,
    "COCO-WholeBody": 3.861,
}


def test_sums_of_the_published_sigmas():
    # Added up from the published tables, so that a slipped digit shows.
    sums = {known.title: round(sum(known.oks_sigmas), 3) for known in KNOWN_SETS}
    assert sums == SUMS


def test_single_sigmas_stand_with_their_points():
    sigmas = {known.title: dict(zip(usual_names(known), known.oks_sigmas, strict=True)) for known in KNOWN_SETS}
    assert sigmas["COCO"]["left_hip"] == 0.107
    assert sigmas["AP-10K"]["left_elbow"] == sigmas["AP-10K"]["right_elbow"] == 0.072
    assert sigmas["AP-10K"]["root_of_tail"] == 0.035
    assert sigmas["CrowdPose"]["neck"] == 0.079
    assert sigmas["COCO-WholeBody hand"]["thumb4"] == 0.047
    assert sigmas["COCO-WholeBody face"]["face_47"] == 0.034
    assert sigmas["COCO-WholeBody"]["left_hand_root"] == sigmas["COCO-WholeBody"]["right_hand_root"] == 0.029
    assert sigmas["COCO-WholeBody"]["right_small_toe"] == 0.094


def test_the_mirror_map_of_the_face_crosses_the_middle_line():
    flip = FACE.flip_idx
    assert [flip[i] for i in flip] == list(range(68))
    middle = [i for i, j in enumerate(flip) if i == j]
    assert middle == [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]
    assert (flip[0], flip[17], flip[36], flip[39], flip[41], flip[48], flip[60], flip[67]) == (
        16, 26, 45, 42, 46, 54, 64, 65,
    )  # fmt: skip


def test_the_whole_body_mirrors_its_parts():
    names, flip = usual_names(WHOLE_BODY), WHOLE_BODY.flip_idx
    assert [flip[i] for i in flip] == list(range(133))
    by_names = flip_from_names(names)
    face = range(23, 91)
    assert all(flip[i] == by_names[i] for i in range(133) if i not in face)
    assert [flip[i] - 23 for i in face] == list(FACE.flip_idx)


def usual_names_of(known):
    return [names[0] for names in known.names]


SPELLINGS = {
    "usual": str,
    "capitals": str.upper,
    "blanks": lambda name: name.replace("_", " ").title(),
    "camel": lambda name: name.replace("_", " ").title().replace(" ", ""),
    "dashes": lambda name: name.replace("_", "-"),
    "prefix": lambda name: f"mouse_{name}",
}


@pytest.mark.parametrize("known", KNOWN_SETS, ids=lambda known: known.title)
def test_spelling_makes_no_difference(known):
    for title, spell in SPELLINGS.items():
        facts = recognise([spell(name) for name in usual_names_of(known)])
        assert facts is not None, title
        assert (facts.title, facts.oks_sigmas, facts.skeleton) == (known.title, known.oks_sigmas, known.skeleton)


@given(st.sampled_from(KNOWN_SETS), st.randoms())
def test_another_order_takes_sigmas_limbs_and_mirror_map_along(known, random):
    names = usual_names_of(known)
    shuffled = random.sample(names, len(names))
    facts = recognise(shuffled)
    assert dict(zip(shuffled, facts.oks_sigmas, strict=True)) == dict(zip(names, known.oks_sigmas, strict=True))
    assert [(shuffled[a], shuffled[b]) for a, b in facts.skeleton] == [(names[a], names[b]) for a, b in known.skeleton]
    if known.flip_idx:
        mirrored = {names[i]: names[j] for i, j in enumerate(known.flip_idx)}
        assert {shuffled[i]: shuffled[j] for i, j in enumerate(facts.flip_idx)} == mirrored


FINGERS = ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger")
OTHER_FINGERS = ("index_finger", "middle_finger", "ring_finger", "pinky")


@pytest.mark.parametrize(
    "names",
    [
        ["wrist", *(f"{finger}{i}" for finger in FINGERS for i in range(1, 5))],
        ["left_hand_root", *(f"left_{finger}{i}" for finger in FINGERS for i in range(1, 5))],
        ["right_wrist", *(f"right_{finger}{i}" for finger in FINGERS for i in range(1, 5))],
        ["r_hand_wrist", *(f"r_hand_{finger}_{i}" for finger in FINGERS for i in range(1, 5))],
        [
            "WRIST", "THUMB_CMC", "THUMB_MCP", "THUMB_IP", "THUMB_TIP",
            *(f"{finger}_{joint}".upper() for finger in OTHER_FINGERS for joint in ("mcp", "pip", "dip", "tip")),
        ],
    ],
    ids=["plain", "whole body", "right", "letter", "joints"],
)  # fmt: skip
def test_hands_go_by_several_names(names):
    assert recognise(names).title == HAND.title


def test_letters_for_sides_are_as_good_as_words():
    names = [name.replace("left_", "L_").replace("right_", "R_") for name in usual_names_of(AP10K)]
    assert recognise(names).oks_sigmas == AP10K.oks_sigmas


def test_head_of_crowdpose_goes_by_two_names():
    names = usual_names_of(CROWDPOSE)
    assert recognise([*names[:12], "top_head", "neck"]).title == CROWDPOSE.title


@pytest.mark.parametrize(
    "names",
    [
        [str(i) for i in range(17)],
        [str(i) for i in range(68)],
        [str(i) for i in range(1, 22)],
        [f"point_{i}" for i in range(68)],
        usual_names_of(COCO)[:-1],
        [*usual_names_of(COCO)[:-1], "right_heel"],
        [*usual_names_of(COCO)[:-1], "left_ankle"],
        [*usual_names_of(COCO), "tail"],
        ["nose"],
        ["", ""],
        [],
    ],
)
def test_numbers_and_other_points_are_not_taken_for_a_known_set(names):
    assert recognise(names) is None


def test_a_whole_body_is_not_taken_for_its_parts():
    assert recognise(usual_names_of(WHOLE_BODY)).title == WHOLE_BODY.title
    assert recognise([f"face-{i}" for i in range(68)]).flip_idx == FACE.flip_idx
