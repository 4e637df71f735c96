import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.errors import DatasetTypeError, PosekitError, SchemaError
from posekit.schema.known_sets import CROWDPOSE
from posekit.schema.read import schema_from_category, shared_schema
from posekit.schema.schema import COCO_PERSON, KeypointSchema, resolve_sigmas

COCO_LIMBS = [[a + 1, b + 1] for a, b in COCO_PERSON.skeleton]
PERSON = {"id": 1, "name": "person", "keypoints": list(COCO_PERSON.names), "skeleton": COCO_LIMBS}
CROWD = [names[0] for names in CROWDPOSE.names]


def read(**category):
    """Return the schema of a category and the warnings."""
    warnings = []
    return schema_from_category({"id": 1, "name": "thing"} | category, "set.json", warnings.append), warnings


def test_the_person_of_coco_comes_out_whole():
    assert schema_from_category(PERSON, "set.json") == COCO_PERSON


@pytest.mark.parametrize("keypoints", [{}, {"keypoints": []}, {"keypoints": None}])
def test_a_category_without_points_has_no_schema(keypoints):
    assert read(**keypoints) == (None, [])


def test_limbs_count_from_1():
    schema, warnings = read(keypoints=["head", "eyeL", "eyeR"], skeleton=[[2, 1], [3, 1]])
    assert (schema.skeleton, schema.flip_idx, warnings) == (((1, 0), (2, 0)), (0, 2, 1), [])


def test_limbs_with_a_0_among_them_count_from_0():
    schema, warnings = read(keypoints=["head", "eyeL", "eyeR"], skeleton=[[1, 0], [2, 0]])
    assert schema.skeleton == ((1, 0), (2, 0))
    assert "read as counting from 0" in warnings[0]


@pytest.mark.parametrize("limbs", [[[0, 3]], [[1, 4]], [[-1, 2]]])
def test_limbs_that_do_not_fit_are_not_used_and_that_is_said(limbs):
    schema, warnings = read(keypoints=["head", "eyeL", "eyeR"], skeleton=limbs)
    assert schema.skeleton == ()
    assert len(warnings) == 1
    assert str(limbs[0]) in warnings[0]
    assert "not used" in warnings[0]


@pytest.mark.parametrize("limbs", ["1-2", [1, 2], [[1, 2, 3]], [["1", "2"]], {"1": 2}, [[1.5, 2]], [None]])
def test_limbs_of_a_wrong_type_are_not_used_and_that_is_said(limbs):
    schema, warnings = read(keypoints=["head", "eyeL", "eyeR"], skeleton=limbs)
    assert schema.skeleton == ()
    assert "skeleton is no list of pairs" in warnings[0]


def test_known_points_get_the_limbs_of_their_set_for_missing_or_wrong_ones():
    # CrowdPose files are seen with the limbs of the 17 points of COCO.
    schema, warnings = read(keypoints=CROWD, skeleton=COCO_LIMBS)
    assert schema.skeleton == CROWDPOSE.skeleton
    assert "skeleton limb [16, 14]" in warnings[0]
    schema, warnings = read(keypoints=CROWD)
    assert (schema.skeleton, warnings) == (CROWDPOSE.skeleton, [])


def test_known_points_get_published_sigmas_and_others_none():
    schema, _ = read(keypoints=CROWD)
    assert resolve_sigmas(schema).origin == "CrowdPose"
    schema, _ = read(keypoints=["Nose", "Nearknee", "Offknee"])
    assert schema.oks_sigmas is None


def test_points_without_sides_are_not_flipped_and_that_is_said():
    schema, warnings = read(keypoints=["Nose", "Nearknee", "Offknee"])
    assert schema.flip_idx is schema.flip_idx_ud is None
    assert warnings[0].startswith("flips are off")


def test_repeated_names_are_told():
    _, warnings = read(keypoints=["ear", "ear"])
    assert warnings[0] == "keypoints repeats 'ear'"


@pytest.mark.parametrize("keypoints", [17, "nose", {"0": "nose"}, ["nose", None], ["nose", ["eye"]], [True]])
def test_points_of_a_wrong_type_are_refused(keypoints):
    with pytest.raises(DatasetTypeError, match=r"^set\.json: keypoints is "):
        read(keypoints=keypoints)


def test_an_absurd_number_of_points_is_refused():
    with pytest.raises(SchemaError, match=r"^set\.json: .* more than 10000 points"):
        read(keypoints=[str(i) for i in range(10_001)])


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


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
CATEGORY = st.fixed_dictionaries({}, optional=dict.fromkeys(("id", "name", "keypoints", "skeleton"), PLAIN))


@given(st.lists(CATEGORY | PLAIN, max_size=3))
def test_whatever_the_file_holds_the_answer_is_a_schema_or_a_clear_error(categories):
    try:
        answer = shared_schema(categories, "set.json")
    except PosekitError as error:
        answer = str(error)
    assert answer is None or isinstance(answer, KeypointSchema) or answer.startswith("set.json: ")
