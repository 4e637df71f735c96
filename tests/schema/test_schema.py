"""The schema itself: its parts fit together, points of classes, sigmas."""

import json
from dataclasses import replace

import pytest

from posekit.errors import SchemaError
from posekit.schema.known_sets import AP10K, COCO
from posekit.schema.schema import COCO_PERSON, KeypointSchema, resolve_sigmas


def test_the_plain_form_restores_the_schema_also_through_json():
    schema = KeypointSchema(
        shape=(3, 2),
        names=("tip", "left_fin", "right_fin"),
        skeleton=((0, 1), (0, 2)),
        flip_idx=(0, 2, 1),
        flip_idx_ud=(0, 1, 2),
        oks_sigmas=(0.02, 0.05, 0.05),
        classes=(0, 4),
    )
    stored = json.loads(json.dumps(schema.to_dict()))
    assert stored["kpt_classes"] == [0, 4]
    assert stored["kpt_class_points"] is None
    assert KeypointSchema.from_dict(stored) == schema
    assert KeypointSchema.from_dict(COCO_PERSON.to_dict()) == COCO_PERSON


def test_records_of_earlier_releases_know_no_classes_and_still_load():
    stored = COCO_PERSON.to_dict()
    del stored["kpt_classes"]
    assert KeypointSchema.from_dict(stored).classes is None


def test_an_identity_map_on_sided_names_is_no_reason_not_to_load_a_checkpoint():
    schema = KeypointSchema(shape=(2, 3), names=("left_eye", "right_eye"), flip_idx=(0, 1))
    assert KeypointSchema.from_dict(schema.to_dict()) == schema


@pytest.mark.parametrize("classes", [(), (-1,), (0, 0), (1.0,), (True,), ("0",)])
def test_classes_are_different_whole_numbers_from_0(classes):
    with pytest.raises(SchemaError, match="kpt_classes"):
        KeypointSchema(shape=(2, 3), classes=classes)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"shape": (0, 3)}, r"kpt_shape \[0, 3\]"),
        ({"shape": (4, 4)}, r"kpt_shape \[4, 4\]"),
        ({"shape": (10**9, 3)}, "more than 10000 points"),
        ({"names": ("a",)}, "kpt_names has 1 entries, but kpt_shape says K = 4"),
        ({"skeleton": ((0, 4),)}, r"limb \[0, 4\].*0 to 3 \(K = 4\)"),
        ({"skeleton": ((0, 1, 2),)}, "not a pair"),
        ({"flip_idx": (0, 1, 2)}, "flip_idx has 3 entries.*K = 4"),
        ({"flip_idx": (0, 1, 2, 4)}, r"flip_idx\[3\] is 4.*K = 4"),
        ({"flip_idx": (0, 1, 2, -1)}, r"flip_idx\[3\] is -1"),
        ({"flip_idx": (1, 2, 3, 0)}, "flip_idx is no mirror map of K = 4 points: it takes 0 to 1, but 1 to 2"),
        ({"flip_idx_ud": (1, 2, 3, 0)}, "flip_idx_ud is no mirror map"),
        ({"oks_sigmas": (0.1,)}, "kpt_oks_sigmas has 1 entries.*K = 4"),
        ({"oks_sigmas": (0.1, 0.1, 0.1, 0)}, "kpt_oks_sigmas .* must be 4 finite numbers above 0"),
        ({"oks_sigmas": (0.1, 0.1, 0.1, float("nan"))}, "finite"),
        ({"oks_sigmas": (0.1, 0.1, 0.1, float("inf"))}, "finite"),
    ],
)
def test_contradictions_are_refused_with_the_key_of_the_yaml(parts, message):
    with pytest.raises(SchemaError, match=message):
        KeypointSchema(**{"shape": (4, 3)} | parts)


def test_points_without_names_are_numbered_and_count_as_unnamed():
    assert KeypointSchema(shape=(3, 3)).names == ("0", "1", "2")
    assert not KeypointSchema(shape=(3, 3)).is_named
    assert COCO_PERSON.is_named


def test_a_bare_shape_of_17_points_is_the_person_of_coco():
    assert KeypointSchema.for_shape((17, 3)) == COCO_PERSON
    assert KeypointSchema.for_shape((17, 2)).names == COCO_PERSON.names
    assert KeypointSchema.for_shape((12, 2)) == KeypointSchema(shape=(12, 2))


def padded(**changes):
    return KeypointSchema(**({"shape": (4, 3), "classes": (1, 5), "class_points": (2, 4)} | changes))


def test_classes_have_their_first_points():
    assert [padded().points_of(label) for label in (0, 1, 5)] == [0, 2, 4]
    assert padded(class_points=None).points_of(1) == 4
    assert COCO_PERSON.points_of(7) == 17


def test_it_survives_storage():
    stored = json.loads(json.dumps(padded().to_dict()))
    assert stored["kpt_class_points"] == [2, 4]
    assert KeypointSchema.from_dict(stored) == padded()
    del stored["kpt_class_points"]
    assert KeypointSchema.from_dict(stored) == padded(class_points=None)


def test_one_class_has_all_points():
    assert padded().for_one_class() == KeypointSchema(shape=(4, 3))


def test_other_classes():
    assert padded().for_classes({0: 4, 2: 3}) == padded(classes=(0, 2), class_points=(4, 3))
    assert padded().for_classes({0: 4}) == padded(classes=(0,), class_points=None)
    assert padded().for_classes({}) == padded().for_one_class()


@pytest.mark.parametrize("changes", [{"class_points": (2,)}, {"class_points": (2, 5)}, {"class_points": (0, 4)},
                                     {"classes": None}])  # fmt: skip
def test_contradictions_are_errors(changes):
    with pytest.raises(SchemaError, match="kpt_class_points"):
        padded(**changes)


def ap10k(**parts):
    return KeypointSchema(shape=(17, 3), names=tuple(names[0] for names in AP10K.names), **parts)


def test_given_sigmas_go_before_those_of_the_schema():
    schema = KeypointSchema(shape=(2, 3), oks_sigmas=(0.1, 0.2))
    choice = resolve_sigmas(schema, given=[0.3, 0.4])
    assert (choice.values, choice.origin, choice.guessed) == ((0.3, 0.4), "kpt_oks_sigmas", False)
    assert resolve_sigmas(schema).values == (0.1, 0.2)


def test_sigmas_of_the_schema_go_before_published_ones():
    choice = resolve_sigmas(ap10k(oks_sigmas=(0.5,) * 17))
    assert (choice.values, choice.origin) == ((0.5,) * 17, "kpt_oks_sigmas")


def test_published_sigmas_are_found_by_names_and_never_by_the_number_of_points():
    choice = resolve_sigmas(ap10k())
    assert (choice.values, choice.origin, choice.guessed) == (AP10K.oks_sigmas, "AP-10K", False)


def test_published_sigmas_keep_their_origin_when_the_schema_holds_them():
    assert resolve_sigmas(COCO_PERSON).origin == "COCO"
    assert resolve_sigmas(COCO_PERSON, given=COCO.oks_sigmas).origin == "COCO"


def test_17_points_of_3_values_without_names_get_those_of_coco():
    choice = resolve_sigmas(KeypointSchema(shape=(17, 3)))
    assert (choice.values, choice.origin, choice.guessed) == (COCO.oks_sigmas, "COCO", False)


@pytest.mark.parametrize(
    "schema",
    [
        KeypointSchema(shape=(17, 2)),
        KeypointSchema(shape=(17, 3), names=tuple(f"p{i}" for i in range(17))),
        KeypointSchema(shape=(17, 3), names=tuple(str(i) for i in range(1, 18))),
    ],
    ids=["no visibility", "other names", "from 1"],
)
def test_other_17_points_are_not_coco(schema):
    choice = resolve_sigmas(schema)
    assert (choice.values, choice.origin, choice.guessed) == ((0.05,) * 17, "uniform", True)


@pytest.mark.parametrize(("count", "sigma"), [(1, 0.05), (4, 0.05), (20, 0.05), (21, 1 / 21), (68, 1 / 68)])
def test_unknown_points_get_one_over_k_but_never_more_than_005(count, sigma):
    choice = resolve_sigmas(KeypointSchema(shape=(count, 3)))
    assert (choice.values, choice.guessed) == ((sigma,) * count, True)


@pytest.mark.parametrize("given", [[0.1], [0.1, 0.0], [0.1, -1], [0.1, float("nan")], [0.1, float("inf")], []])
def test_wrong_sigmas_are_refused_by_name_and_number(given):
    with pytest.raises(SchemaError, match=r"kpt_oks_sigmas.* 2 "):
        resolve_sigmas(KeypointSchema(shape=(2, 3)), given=given)


def test_a_guess_says_so_and_how_to_end_it():
    guess = resolve_sigmas(KeypointSchema(shape=(11, 3))).explanation
    assert "no OKS sigmas are known for these 11 points" in guess
    assert "0.05" in guess
    assert "kpt_oks_sigmas" in guess
    assert resolve_sigmas(COCO_PERSON).explanation == "published OKS sigmas of 17 points (COCO)"
    given = resolve_sigmas(replace(COCO_PERSON, oks_sigmas=(0.1,) * 17)).explanation
    assert given == "OKS sigmas of 17 points as given by kpt_oks_sigmas"
    assert "\n" not in guess + given
