"""Left and right in point names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.schema.schema import COCO_PERSON
from posekit.schema.sides import carries_sides, flip_from_names, repeated, unpaired_names, words

PAIRS = [
    ("left_eye", "right_eye"),
    ("Left Shoulder", "Right Shoulder"),
    ("LEFT-KNEE", "RIGHT-KNEE"),
    ("leftEye", "rightEye"),
    ("EyeLeft", "EyeRight"),
    ("eye.left", "eye.right"),
    ("Left Front Paw", "Right Front Paw"),
    ("front_left_paw", "front_right_paw"),
    ("medial_left_shoulder", "medial_right_shoulder"),
    ("lefthand", "righthand"),
    ("lefthand_4", "righthand_4"),
    ("eyeleft", "eyeright"),
    ("frontleftpaw", "frontrightpaw"),
    ("left", "right"),
    ("L_Eye", "R_Eye"),
    ("L_F_Elbow", "R_F_Elbow"),
    ("L Ear", "R Ear"),
    ("eyeL", "eyeR"),
    ("wingL", "wingR"),
    ("forelegL1", "forelegR1"),
    ("LHip", "RHip"),
    ("lShoulder", "rShoulder"),
    ("wrist_l", "wrist_r"),
    ("L", "R"),
    ("L1", "R1"),
    ("left_eye_right_corner", "right_eye_left_corner"),
]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[0])
def test_the_two_sides_of_a_point_change_places(pair):
    left, right = pair
    assert flip_from_names([left, "middle", right]) == (2, 1, 0)
    assert unpaired_names([left, "middle", right]) == ()


@pytest.mark.parametrize(
    "names",
    [
        ["brightness", "lower", "leg", "ear"],
        ["Lip", "Rump", "lower_lip", "rear"],
        ["bright_spot", "upright", "cleft", "tip"],
        ["light", "lift", "reft"],
        ["Nearknee", "Offknee", "Girth"],
        ["L1", "L2", "L3", "L4", "L5"],
        ["R1", "R2", "knot"],
        list("abcdefghijklmnopqrstuvwxyz"),
        [f"{row}{column}" for row in "ABCDEFGHIJKLMNOPQRS" for column in (1, 2)],
        ["point_L", "point_R", "point_S"],
        ["左", "linkes Auge", "oeil gauche"],
        ["0", "1", "2"],
        [],
    ],
    ids=lambda names: " ".join(names[:3]),
)
def test_what_only_looks_like_a_side_is_none(names):
    assert not carries_sides(names)
    assert flip_from_names(names) is None
    assert unpaired_names(names) == ()


def test_vertebrae_beside_hips_are_no_left_sides():
    assert flip_from_names(["L1", "L2", "left_hip", "right_hip"]) == (0, 1, 3, 2)


def test_the_letter_of_a_rear_leg_is_no_right_side():
    names = ["L_F_Paw", "R_F_Paw", "L_R_Paw", "R_R_Paw"]
    assert flip_from_names(names) == (1, 0, 3, 2)


def test_middle_points_beside_letters_are_no_enumeration():
    assert flip_from_names(["eye_l", "eye_m", "eye_r"]) == (2, 1, 0)


@pytest.mark.parametrize(
    ("names", "unpaired"),
    [
        (["left_eye", "nose"], ("left_eye",)),
        (["left_eye", "right_ear", "nose"], ("left_eye", "right_ear")),
        (["left_eye", "right_eye", "left_ear"], ("left_ear",)),
        (["lefthand", "nose"], ("lefthand",)),
        (["L_Eye", "R_Eye", "L_Ear"], ("L_Ear",)),
        (["left_eye", "left_eye", "right_eye"], ("left_eye", "left_eye", "right_eye")),
        (["left_right_seam", "left_eye", "right_eye"], ("left_right_seam",)),
    ],
)
def test_a_side_without_one_counterpart_leaves_no_map_and_is_named(names, unpaired):
    assert carries_sides(names)
    assert flip_from_names(names) is None
    assert unpaired_names(names) == unpaired


def test_the_person_of_coco_needs_no_map():
    assert flip_from_names(COCO_PERSON.names) == COCO_PERSON.flip_idx


STEMS = st.sampled_from(["eye", "Ear", "front_paw", "wing", "leg1", "brightness", "lip", "L4", "Nearknee"])
FORMS = st.sampled_from(["{side}_{stem}", "{stem}_{side}", "{side} {stem}", "{side}{stem}"])


@st.composite
def named_points(draw):
    """Give (names, partners): pairs in one spelling and single points, shuffled."""
    stems = draw(st.lists(st.tuples(STEMS, st.booleans()), unique=True, max_size=12))
    form = draw(FORMS)
    names = []
    for stem, paired in stems:
        sides = ("left", "right") if paired else ()
        names += [(form.format(side=side, stem=stem), (stem, side)) for side in sides] or [(stem, (stem, ""))]
    return draw(st.permutations(names))


@given(named_points())
def test_the_map_undoes_itself_and_moves_sided_points_only(points):
    names = [name for name, _ in points]
    flip = flip_from_names(names)
    if not any(side for _, (_, side) in points):
        assert flip is None
        return
    assert flip is not None
    assert [flip[i] for i in flip] == list(range(len(names)))
    other = {"left": "right", "right": "left", "": ""}
    for (_, (stem, side)), place in zip(points, flip, strict=True):
        assert points[place][1] == (stem, other[side])


@given(st.lists(st.text(alphabet="lrLReftighEy_ 1", max_size=8), max_size=12))
def test_any_names_give_an_involution_or_no_map(names):
    flip = flip_from_names(names)
    if flip is not None:
        assert not unpaired_names(names)
        assert [flip[i] for i in flip] == list(range(len(names)))
        assert any(i != j for i, j in enumerate(flip))


@given(named_points())
def test_exchanging_left_and_right_in_all_names_leaves_the_map_alone(points):
    names = [name for name, _ in points]
    exchanged = [name.replace("left", "\0").replace("right", "left").replace("\0", "right") for name in names]
    whole = [new if side else old for old, new, (_, (_, side)) in zip(names, exchanged, points, strict=True)]
    assert flip_from_names(whole) == flip_from_names(names)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("left_eye", "left eye"),
        ("Left Eye", "left eye"),
        ("leftEye", "left eye"),
        ("LeftEye", "left eye"),
        ("LEFT-EYE", "left eye"),
        ("L_F_Elbow", "l f elbow"),
        ("RHip", "r hip"),
        ("eyeL", "eye l"),
        ("forelegL1", "foreleg l 1"),
        ("Lip", "lip"),
        ("Élan_L", "élan l"),
        ("E\u0301lan", "élan"),
        ("\uff2c_eye", "l eye"),
        ("左目", "左目"),
        (" __ ", ""),
    ],
)
def test_names_fall_into_words_however_they_are_written(name, expected):
    assert " ".join(words(name)) == expected


def test_repeated_names_are_told_once():
    assert repeated(["a", "b", "a", "c", "a", "b"]) == ["a", "b"]
