import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.schema.known_sets import AP10K, COCO, CROWDPOSE, FACE, HAND, KNOWN_SETS, WHOLE_BODY, recognise


def usual_names(known):
    return [names[0] for names in known.names]


@pytest.mark.parametrize("known", KNOWN_SETS, ids=lambda known: known.title)
@pytest.mark.parametrize(
    "spell",
    [
        str,
        str.upper,
        lambda name: name.replace("_", " ").title(),
        lambda name: name.replace("_", " ").title().replace(" ", ""),
        lambda name: name.replace("_", "-"),
        lambda name: f"mouse_{name}",
    ],
    ids=["usual", "capitals", "blanks", "camel", "dashes", "prefix"],
)
def test_spelling_makes_no_difference(known, spell):
    facts = recognise([spell(name) for name in usual_names(known)])
    assert facts is not None
    assert (facts.title, facts.oks_sigmas, facts.skeleton) == (known.title, known.oks_sigmas, known.skeleton)


@given(st.sampled_from(KNOWN_SETS), st.randoms())
def test_another_order_takes_sigmas_limbs_and_mirror_map_along(known, random):
    names = usual_names(known)
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
    names = [name.replace("left_", "L_").replace("right_", "R_") for name in usual_names(AP10K)]
    assert recognise(names).oks_sigmas == AP10K.oks_sigmas


def test_head_of_crowdpose_goes_by_two_names():
    names = usual_names(CROWDPOSE)
    assert recognise([*names[:12], "top_head", "neck"]).title == CROWDPOSE.title


@pytest.mark.parametrize(
    "names",
    [
        [str(i) for i in range(17)],
        [str(i) for i in range(68)],
        [str(i) for i in range(1, 22)],
        [f"point_{i}" for i in range(68)],
        usual_names(COCO)[:-1],
        [*usual_names(COCO)[:-1], "right_heel"],
        [*usual_names(COCO)[:-1], "left_ankle"],
        [*usual_names(COCO), "tail"],
        ["nose"],
        ["", ""],
        [],
    ],
)
def test_numbers_and_other_points_are_not_taken_for_a_known_set(names):
    assert recognise(names) is None


def test_a_whole_body_is_not_taken_for_its_parts():
    assert recognise(usual_names(WHOLE_BODY)).title == WHOLE_BODY.title
    assert recognise([f"face-{i}" for i in range(68)]).flip_idx == FACE.flip_idx
