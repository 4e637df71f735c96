"""Schemas of dataset YAMLs and of COCO categories."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from posekit.errors import DatasetTypeError, PosekitError, SchemaError
from posekit.schema.known_sets import AP10K, CROWDPOSE
from posekit.schema.read import schema_from_category, schema_from_yaml, shared_schema
from posekit.schema.schema import COCO_PERSON, KeypointSchema, resolve_sigmas

COCO_FLIP = list(COCO_PERSON.flip_idx)


def read(text):
    """Return the schema of YAML text and the warnings."""
    warnings = []
    return schema_from_yaml(yaml.safe_load(text), "data.yaml", warnings.append), warnings


def test_a_yaml_without_keypoints_has_no_schema():
    assert read("names: [person]") == (None, [])
    assert read("kpt_shape:\nnames: [person]") == (None, [])


def test_keypoint_keys_without_a_shape_are_not_dropped_silently():
    schema, warnings = read("flip_idx: [0, 1]\nkpt_names: [a, b]")
    assert schema is None
    assert warnings == ["there are no keypoints without kpt_shape; ignored: kpt_names, flip_idx"]


def test_every_key_is_read():
    schema, warnings = read("""
        kpt_shape: [3, 2]
        kpt_names: [tip, left_fin, right_fin]
        skeleton: [[0, 1], [0, 2]]
        flip_idx: [0, 2, 1]
        flip_idx_ud: [0, 1, 2]
        kpt_oks_sigmas: [0.02, 0.05, 1]
    """)
    assert warnings == []
    assert schema == KeypointSchema(
        shape=(3, 2),
        names=("tip", "left_fin", "right_fin"),
        skeleton=((0, 1), (0, 2)),
        flip_idx=(0, 2, 1),
        flip_idx_ud=(0, 1, 2),
        oks_sigmas=(0.02, 0.05, 1.0),
    )
    assert isinstance(schema.oks_sigmas[2], float)


def test_what_the_schema_writes_it_reads():
    content = yaml.safe_load(yaml.safe_dump(COCO_PERSON.to_dict()))
    assert schema_from_yaml(content, "data.yaml") == COCO_PERSON


class TestFlips:
    def test_the_up_down_map_is_by_default_the_left_right_map(self):
        schema, _ = read("kpt_shape: [2, 3]\nflip_idx: [1, 0]")
        assert schema.flip_idx == schema.flip_idx_ud == (1, 0)

    def test_they_come_from_the_names_when_none_are_given(self):
        schema, warnings = read("kpt_shape: [3, 3]\nkpt_names: [nose, left_eye, right_eye]")
        assert schema.flip_idx == schema.flip_idx_ud == (0, 2, 1)
        assert warnings == []

    def test_unnamed_points_without_a_map_are_not_flipped_and_that_is_said(self):
        schema, warnings = read("kpt_shape: [11, 3]")
        assert schema.flip_idx is schema.flip_idx_ud is None
        assert len(warnings) == 1
        assert warnings[0].startswith("flips are off: there is no flip_idx, and no point name tells left or right")

    def test_a_side_without_counterpart_is_named(self):
        schema, warnings = read("kpt_shape: [3, 3]\nkpt_names: [nose, left_eye, tail]")
        assert schema.flip_idx is None
        assert "'left_eye' has no single counterpart" in warnings[0]

    def test_an_identity_map_of_unnamed_points_is_fine(self):
        schema, warnings = read("kpt_shape: [12, 2]\nflip_idx: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]")
        assert schema.flip_idx == tuple(range(12))
        assert warnings == []

    def test_an_identity_map_of_points_without_sides_is_fine(self):
        schema, warnings = read("kpt_shape: [2, 3]\nkpt_names: [head, tail]\nflip_idx: [0, 1]")
        assert (schema.flip_idx, warnings) == ((0, 1), [])

    @pytest.mark.parametrize(
        "names", ["[left_eye, right_eye]", "[left_eye, nose]", "{0: [nose, tail], 1: [eyeL, eyeR]}"]
    )
    def test_an_identity_map_of_sided_names_is_an_error(self, names):
        with pytest.raises(SchemaError, match=r"data\.yaml: flip_idx moves none of the K = 2 points"):
            read(f"kpt_shape: [2, 3]\nkpt_names: {names}\nflip_idx: [0, 1]")

    def test_the_error_shows_the_map_that_the_names_tell(self):
        with pytest.raises(SchemaError, match=r"write flip_idx: \[0, 2, 1\]"):
            read("kpt_shape: [3, 3]\nkpt_names: [nose, left_eye, right_eye]\nflip_idx: [0, 1, 2]")

    def test_an_identity_map_up_down_may_stand_beside_sided_names(self):
        schema, _ = read("kpt_shape: [2, 3]\nkpt_names: [left_end, right_end]\nflip_idx_ud: [0, 1]")
        assert (schema.flip_idx, schema.flip_idx_ud) == ((1, 0), (0, 1))

    def test_a_map_against_the_names_is_followed_with_a_warning(self):
        names = "[left_eye, right_eye, left_ear, right_ear]"
        schema, warnings = read(f"kpt_shape: [4, 3]\nkpt_names: {names}\nflip_idx: [2, 3, 0, 1]")
        assert schema.flip_idx == (2, 3, 0, 1)
        assert warnings == [
            "flip_idx takes 'left_eye' to 'left_ear', where its name asks for 'right_eye'; flip_idx is followed"
        ]

    def test_numbered_face_points_have_a_known_mirror_map(self):
        names = [f"face-{i}" for i in range(68)]
        schema, warnings = read(f"kpt_shape: [68, 3]\nkpt_names: {names}")
        assert schema.flip_idx[0] == 16
        assert warnings == []


class TestSeventeenPointsWithoutNames:
    def test_with_the_map_of_coco_they_are_coco(self):
        assert read(f"kpt_shape: [17, 3]\nflip_idx: {COCO_FLIP}") == (COCO_PERSON, [])
        schema, _ = read(f"kpt_shape: [17, 2]\nflip_idx: {COCO_FLIP}")
        assert schema.names == COCO_PERSON.names

    def test_without_a_map_they_are_coco_but_not_flipped(self):
        schema, warnings = read("kpt_shape: [17, 3]")
        assert (schema.names, schema.skeleton) == (COCO_PERSON.names, COCO_PERSON.skeleton)
        assert schema.flip_idx is None
        assert str(COCO_FLIP) in warnings[0]

    def test_with_another_map_they_are_other_points(self):
        flip = [1, 0, 2, 3, 4, 8, 9, 10, 5, 6, 7, 14, 15, 16, 11, 12, 13]
        schema, _ = read(f"kpt_shape: [17, 3]\nflip_idx: {flip}")
        assert not schema.is_named
        assert schema.skeleton == ()

    def test_with_two_values_and_no_map_they_are_unknown(self):
        schema, _ = read("kpt_shape: [17, 2]")
        assert not schema.is_named
        assert resolve_sigmas(schema).guessed


class TestNames:
    def test_known_names_bring_limbs_and_sigmas(self):
        names = [names[0] for names in AP10K.names]
        schema, warnings = read(f"kpt_shape: [17, 3]\nkpt_names: {names}")
        assert (schema.skeleton, schema.oks_sigmas, warnings) == (AP10K.skeleton, AP10K.oks_sigmas, [])

    def test_given_limbs_and_sigmas_go_before_known_ones(self):
        names = list(COCO_PERSON.names)
        schema, _ = read(f"kpt_shape: [17, 3]\nkpt_names: {names}\nskeleton: []\nkpt_oks_sigmas: {[0.1] * 17}")
        assert (schema.skeleton, schema.oks_sigmas) == ((), (0.1,) * 17)

    def test_one_list_is_for_all_classes(self):
        schema, _ = read("kpt_shape: [2, 3]\nnames: [cat, car]\nkpt_names: [head, tail]")
        assert (schema.names, schema.classes) == (("head", "tail"), None)

    def test_lists_per_class_name_the_classes_that_have_keypoints(self):
        schema, _ = read("kpt_shape: [2, 3]\nnames: {0: car, 1: cat, 2: dog}\nkpt_names: {1: [a, b], 2: [a, b]}")
        assert (schema.names, schema.classes) == (("a", "b"), (1, 2))

    @pytest.mark.parametrize("classes", ["names: [person]", "names: {0: person}", "nc: 1"])
    def test_lists_for_every_class_are_the_same_as_one_for_all(self, classes):
        schema, _ = read(f"kpt_shape: [2, 3]\n{classes}\nkpt_names: {{0: [a, b]}}")
        assert schema.classes is None

    def test_different_lists_keep_all_names_and_one_map(self):
        schema, warnings = read("""
            kpt_shape: [3, 3]
            names: [cat, horse]
            kpt_names: {0: [nose, left_paw, right_paw], 1: [nose, left_hoof, right_hoof]}
        """)
        assert schema.names == ("nose", "left_paw/left_hoof", "right_paw/right_hoof")
        assert schema.flip_idx == (0, 2, 1)
        assert warnings == ["kpt_names differs from class to class; a point bears all its names, such as paw/hoof"]

    def test_shorter_lists_say_how_many_points_a_class_has(self):
        schema, warnings = read("""
            kpt_shape: [4, 3]
            names: [car, cat, fish]
            kpt_names: {1: [nose, left_paw, right_paw, tail], 2: [nose, left_fin, right_fin]}
        """)
        assert schema.names == ("nose", "left_paw/left_fin", "right_paw/right_fin", "tail")
        assert (schema.classes, schema.class_points) == ((1, 2), (4, 3))
        assert [schema.points_of(label) for label in range(4)] == [0, 4, 3, 0]
        assert schema.flip_idx == (0, 2, 1, 3)
        assert len(warnings) == 1

    def test_a_list_that_is_the_beginning_of_another_renames_nothing(self):
        schema, warnings = read("kpt_shape: [2, 3]\nnc: 2\nkpt_names: {0: [eyeL, eyeR], 1: [eyeL]}\nflip_idx: [1, 0]")
        assert schema.names == ("eyeL", "eyeR")
        assert (schema.classes, schema.class_points) == ((0, 1), (2, 1))
        assert warnings == []

    def test_a_shorter_list_with_another_map_switches_flips_off(self):
        lists = "{0: [left_a, right_a, left_b, right_b], 1: [tip, left_fin, right_fin]}"
        schema, warnings = read(f"kpt_shape: [4, 3]\nnc: 2\nkpt_names: {lists}")
        assert schema.flip_idx is None
        assert "the classes tell different mirror maps" in warnings[-1]

    def test_a_map_that_mirrors_a_point_to_one_that_the_class_does_not_have_is_told(self):
        lists = "{0: [a, b, c], 1: [left_fin, right_fin]}"
        schema, warnings = read(f"kpt_shape: [3, 3]\nnc: 2\nkpt_names: {lists}\nflip_idx: [2, 1, 0]")
        assert schema.flip_idx == (2, 1, 0)
        assert any("'left_fin' to point 2, which is padding" in text for text in warnings)

    def test_different_lists_with_different_maps_switch_flips_off(self):
        schema, warnings = read("kpt_shape: [2, 3]\nnames: [a, b]\nkpt_names: {0: [eyeL, eyeR], 1: [head, tail]}")
        assert schema.flip_idx is None
        assert "the classes tell different mirror maps" in warnings[-1]

    def test_different_lists_are_not_taken_for_a_known_set(self):
        other = ["beak", *COCO_PERSON.names[1:]]
        schema, _ = read(f"kpt_shape: [17, 3]\nnc: 2\nkpt_names: {{0: {list(COCO_PERSON.names)}, 1: {other}}}")
        assert resolve_sigmas(schema).guessed

    def test_repeated_names_are_told(self):
        _, warnings = read("kpt_shape: [3, 3]\nkpt_names: [ear, ear, nose]\nflip_idx: [1, 0, 2]")
        assert warnings == ["kpt_names repeats 'ear'"]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("kpt_shape: 17", "kpt_shape"),
        ("kpt_shape: '[17, 3]'", "kpt_shape"),
        ("kpt_shape: {17: 3}", "kpt_shape"),
        ("kpt_shape: [17.0, 3]", "kpt_shape"),
        ("kpt_shape: [true, 3]", "kpt_shape"),
        ("kpt_shape: [.nan, 3]", "kpt_shape"),
        (f"kpt_shape: [0x{'f' * 9000}, 3]", "kpt_shape"),
        ("kpt_shape: [2, 3]\nflip_idx: 1 0", "flip_idx"),
        ("kpt_shape: [2, 3]\nflip_idx: {0: 1, 1: 0}", "flip_idx"),
        ("kpt_shape: [2, 3]\nflip_idx: [1.0, 0]", "flip_idx"),
        ("kpt_shape: [2, 3]\nflip_idx: [yes, no]", "flip_idx"),
        ("kpt_shape: [2, 3]\nflip_idx: [[1], [0]]", "flip_idx"),
        ("kpt_shape: [2, 3]\nflip_idx_ud: left", "flip_idx_ud"),
        ("kpt_shape: [2, 3]\nkpt_names: ab", "kpt_names"),
        ("kpt_shape: [2, 3]\nkpt_names: [nose, off]", "kpt_names"),
        ("kpt_shape: [2, 3]\nkpt_names: [nose, null]", "kpt_names"),
        ("kpt_shape: [2, 3]\nkpt_names: [nose, ' ']", "kpt_names"),
        ("kpt_shape: [2, 3]\nkpt_names: {}", "kpt_names"),
        ("kpt_shape: [2, 3]\nkpt_names: {person: [a, b]}", "kpt_names"),
        ("kpt_shape: [2, 3]\nkpt_names: {-1: [a, b]}", "kpt_names"),
        ("kpt_shape: [2, 3]\nkpt_names: {0: nose, 1: tail}", r"kpt_names\[0\]"),
        ("kpt_shape: [2, 3]\nskeleton: [0, 1]", "skeleton"),
        ("kpt_shape: [2, 3]\nskeleton: [[0, 1, 1]]", "skeleton"),
        ("kpt_shape: [2, 3]\nskeleton: 0-1", "skeleton"),
        ("kpt_shape: [2, 3]\nskeleton: &a [*a]", "skeleton"),
        ("kpt_shape: [2, 3]\nkpt_oks_sigmas: 0.05", "kpt_oks_sigmas"),
        ("kpt_shape: [2, 3]\nkpt_oks_sigmas: [5e-2, 5e-2]", "kpt_oks_sigmas"),
        ("kpt_shape: [2, 3]\nkpt_oks_sigmas: [true, 0.1]", "kpt_oks_sigmas"),
        (f"kpt_shape: [2, 3]\nkpt_oks_sigmas: [0x{'f' * 900}, 0.1]", "kpt_oks_sigmas"),
    ],
)
def test_a_wrong_type_is_a_type_error_with_file_and_key(text, key):
    with pytest.raises(DatasetTypeError, match=rf"^data\.yaml: {key} (is|must be) ") as caught:
        read(text)
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kpt_shape: [17]", r"kpt_shape \[17\] has 1 numbers"),
        ("kpt_shape: []", r"kpt_shape \[\] has 0 numbers"),
        ("kpt_shape: [0, 3]", r"kpt_shape \[0, 3\]"),
        ("kpt_shape: [-2, 3]", r"kpt_shape \[-2, 3\]"),
        ("kpt_shape: [2, 4]", r"kpt_shape \[2, 4\]"),
        ("kpt_shape: [1000000000, 3]", "kpt_shape .* more than 10000 points"),
        ("kpt_shape: [3, 3]\nflip_idx: [1, 0]", "flip_idx has 2 entries, but kpt_shape says K = 3"),
        ("kpt_shape: [3, 3]\nflip_idx: []", "flip_idx has 0 entries, but kpt_shape says K = 3"),
        ("kpt_shape: [3, 3]\nflip_idx: [0, 1, 3]", r"flip_idx\[2\] is 3.*K = 3"),
        ("kpt_shape: [3, 3]\nflip_idx: [1, 2, 0]", "flip_idx is no mirror map of K = 3"),
        ("kpt_shape: [3, 3]\nflip_idx: [0, 0, 0]", "flip_idx is no mirror map of K = 3"),
        ("kpt_shape: [3, 3]\nflip_idx_ud: [1, 2, 0]", "flip_idx_ud is no mirror map of K = 3"),
        ("kpt_shape: [3, 3]\nkpt_names: [a, b]", "kpt_names has 2 names, but kpt_shape says K = 3"),
        ("kpt_shape: [3, 3]\nkpt_names: []", "kpt_names has 0 names, but kpt_shape says K = 3"),
        ("kpt_shape: [3, 3]\nnc: 2\nkpt_names: {0: [a], 1: [a, b]}", r"kpt_names\[1\] has 2 names.*K = 3"),
        ("kpt_shape: [2, 3]\nnc: 2\nkpt_names: {0: [a, b, c], 1: [a]}", r"kpt_names\[0\] has 3 names.*K = 2"),
        ("kpt_shape: [2, 3]\nnames: [x]\nkpt_names: {1: [a, b]}", "kpt_names has class 1, but .* has 1 classes"),
        ("kpt_shape: [2, 3]\nskeleton: [[1, 2]]", r"skeleton limb \[1, 2\].*0 to 1 \(K = 2\).*COCO files count from 1"),
        ("kpt_shape: [3, 3]\nkpt_oks_sigmas: [0.1]", "kpt_oks_sigmas has 1 entries, but kpt_shape says K = 3"),
        ("kpt_shape: [1, 3]\nkpt_oks_sigmas: [0]", "kpt_oks_sigmas .* must be 1 finite numbers above 0"),
        ("kpt_shape: [1, 3]\nkpt_oks_sigmas: [-0.1]", "kpt_oks_sigmas"),
        ("kpt_shape: [1, 3]\nkpt_oks_sigmas: [.nan]", "kpt_oks_sigmas"),
        ("kpt_shape: [1, 3]\nkpt_oks_sigmas: [.inf]", "kpt_oks_sigmas"),
    ],
)
def test_a_contradiction_is_a_value_error_with_file_key_and_number(text, message):
    with pytest.raises(SchemaError, match=rf"^data\.yaml: {message}") as caught:
        read(text)
    assert isinstance(caught.value, ValueError)
    assert str(caught.value).count("data.yaml") == 1


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.integers(0, 3) | st.text(max_size=3), inner),
    max_leaves=8,
)
KEYS = ("kpt_shape", "kpt_names", "flip_idx", "flip_idx_ud", "skeleton", "kpt_oks_sigmas", "names", "nc")


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, PLAIN)), st.booleans())
def test_whatever_the_yaml_holds_the_answer_is_a_schema_or_a_clear_error(data, sound_shape):
    if sound_shape:
        data["kpt_shape"] = [2, 3]
    try:
        answer = schema_from_yaml(data, "data.yaml")
    except PosekitError as error:
        answer = str(error)
    assert answer is None or isinstance(answer, KeypointSchema) or answer.startswith("data.yaml: ")


COCO_LIMBS = [[a + 1, b + 1] for a, b in COCO_PERSON.skeleton]
PERSON = {"id": 1, "name": "person", "keypoints": list(COCO_PERSON.names), "skeleton": COCO_LIMBS}
CROWD = [names[0] for names in CROWDPOSE.names]


def read_category(**category):
    """Return the schema of a category and the warnings."""
    warnings = []
    return schema_from_category({"id": 1, "name": "thing"} | category, "set.json", warnings.append), warnings


def test_the_person_of_coco_comes_out_whole():
    assert schema_from_category(PERSON, "set.json") == COCO_PERSON


@pytest.mark.parametrize("keypoints", [{}, {"keypoints": []}, {"keypoints": None}])
def test_a_category_without_points_has_no_schema(keypoints):
    assert read_category(**keypoints) == (None, [])


def test_limbs_count_from_1():
    schema, warnings = read_category(keypoints=["head", "eyeL", "eyeR"], skeleton=[[2, 1], [3, 1]])
    assert (schema.skeleton, schema.flip_idx, warnings) == (((1, 0), (2, 0)), (0, 2, 1), [])


def test_limbs_with_a_0_among_them_count_from_0():
    schema, warnings = read_category(keypoints=["head", "eyeL", "eyeR"], skeleton=[[1, 0], [2, 0]])
    assert schema.skeleton == ((1, 0), (2, 0))
    assert "read as counting from 0" in warnings[0]


@pytest.mark.parametrize("limbs", [[[0, 3]], [[1, 4]], [[-1, 2]]])
def test_limbs_that_do_not_fit_are_not_used_and_that_is_said(limbs):
    schema, warnings = read_category(keypoints=["head", "eyeL", "eyeR"], skeleton=limbs)
    assert schema.skeleton == ()
    assert len(warnings) == 1
    assert str(limbs[0]) in warnings[0]
    assert "not used" in warnings[0]


@pytest.mark.parametrize("limbs", ["1-2", [1, 2], [[1, 2, 3]], [["1", "2"]], {"1": 2}, [[1.5, 2]], [None]])
def test_limbs_of_a_wrong_type_are_not_used_and_that_is_said(limbs):
    schema, warnings = read_category(keypoints=["head", "eyeL", "eyeR"], skeleton=limbs)
    assert schema.skeleton == ()
    assert "skeleton is no list of pairs" in warnings[0]


def test_known_points_get_the_limbs_of_their_set_for_missing_or_wrong_ones():
    # CrowdPose files are seen with the limbs of the 17 points of COCO.
    schema, warnings = read_category(keypoints=CROWD, skeleton=COCO_LIMBS)
    assert schema.skeleton == CROWDPOSE.skeleton
    assert "skeleton limb [16, 14]" in warnings[0]
    schema, warnings = read_category(keypoints=CROWD)
    assert (schema.skeleton, warnings) == (CROWDPOSE.skeleton, [])


def test_known_points_get_published_sigmas_and_others_none():
    schema, _ = read_category(keypoints=CROWD)
    assert resolve_sigmas(schema).origin == "CrowdPose"
    schema, _ = read_category(keypoints=["Nose", "Nearknee", "Offknee"])
    assert schema.oks_sigmas is None


def test_points_without_sides_are_not_flipped_and_that_is_said():
    schema, warnings = read_category(keypoints=["Nose", "Nearknee", "Offknee"])
    assert schema.flip_idx is schema.flip_idx_ud is None
    assert warnings[0].startswith("flips are off")


def test_repeated_names_are_told():
    _, warnings = read_category(keypoints=["ear", "ear"])
    assert warnings[0] == "keypoints repeats 'ear'"


@pytest.mark.parametrize("keypoints", [17, "nose", {"0": "nose"}, ["nose", None], ["nose", ["eye"]], [True]])
def test_points_of_a_wrong_type_are_refused(keypoints):
    with pytest.raises(DatasetTypeError, match=r"^set\.json: keypoints is "):
        read_category(keypoints=keypoints)


def test_an_absurd_number_of_points_is_refused():
    with pytest.raises(SchemaError, match=r"^set\.json: .* more than 10000 points"):
        read_category(keypoints=[str(i) for i in range(10_001)])


class TestSharedSchema:
    def test_no_category_with_points_means_no_schema(self):
        assert shared_schema([], "set.json") is None
        assert shared_schema([{"id": 1, "name": "car"}], "set.json") is None

    def test_one_schema_serves_all_categories_with_warnings_given_once(self):
        species = [{"id": i, "name": f"species {i}", "keypoints": ["nose", "tail"]} for i in range(1, 55)]
        warnings = []
        schema = shared_schema(species, "set.json", warnings.append)
        assert (schema.names, schema.classes) == (("nose", "tail"), None)
        assert len(warnings) == 1

    def test_classes_are_the_places_of_the_categories_with_points(self):
        categories = [{"id": 3, "name": "car"}, PERSON, {"id": 90, "name": "cup", "keypoints": []}]
        assert shared_schema(categories, "set.json").classes == (1,)

    def test_spelling_does_not_part_categories_and_limbs_come_from_whoever_has_them(self):
        cat = {"id": 1, "name": "cat", "keypoints": ["left_ear", "right_ear"]}
        dog = {"id": 2, "name": "dog", "keypoints": ["Left Ear", "Right Ear"], "skeleton": [[1, 2]]}
        assert shared_schema([cat, dog], "set.json").skeleton == ((0, 1),)

    def test_a_category_may_have_the_first_points_of_another(self):
        names = {"car": [], "fish": ["Nose", "tail"], "cat": ["nose", "tail", "ear"]}
        categories = [{"id": i, "name": name, "keypoints": points} for i, (name, points) in enumerate(names.items())]
        schema = shared_schema(categories, "set.json")
        assert schema.names == ("nose", "tail", "ear")
        assert (schema.classes, schema.class_points) == ((1, 2), (2, 3))

    @pytest.mark.parametrize(
        ("points", "difference"),
        [
            (["nose", "fin"], "point 1 is 'tail' and 'fin'"),
            (["tail", "nose"], "point 0 is 'nose' and 'tail'"),
        ],
    )
    def test_categories_with_different_points_are_refused_by_name(self, points, difference):
        cat, fish = ({"id": i, "name": name, "keypoints": p} for i, name, p in
                     ((1, "cat", ["nose", "tail"]), (7, "fish", points)))  # fmt: skip
        with pytest.raises(SchemaError, match=difference) as caught:
            shared_schema([cat, fish], "set.json")
        assert "set.json: category 1 ('cat') and category 7 ('fish')" in str(caught.value)

    def test_a_category_that_is_no_mapping_is_refused(self):
        with pytest.raises(DatasetTypeError, match=r"set\.json: categories hold a str"):
            shared_schema(["person"], "set.json")


PLAIN_CATEGORIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
CATEGORY = st.fixed_dictionaries({}, optional=dict.fromkeys(("id", "name", "keypoints", "skeleton"), PLAIN_CATEGORIES))


@given(st.lists(CATEGORY | PLAIN_CATEGORIES, max_size=3))
def test_whatever_the_file_holds_the_answer_is_a_schema_or_a_clear_error(categories):
    try:
        answer = shared_schema(categories, "set.json")
    except PosekitError as error:
        answer = str(error)
    assert answer is None or isinstance(answer, KeypointSchema) or answer.startswith("set.json: ")
