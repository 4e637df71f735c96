from dataclasses import replace

import pytest

from posekit.errors import SchemaError
from posekit.schema.known_sets import AP10K, COCO
from posekit.schema.schema import COCO_PERSON, KeypointSchema, resolve_sigmas


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
