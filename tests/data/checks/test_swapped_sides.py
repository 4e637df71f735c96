"""Exchanged sides are found, and crossing limbs are not taken for them."""

from data.checks.sets import SCHEMA, people
from posekit.data.checks.checks import find_swapped_sides
from posekit.data.checks.table import table_of


def check(splits):
    return find_swapped_sides(table_of(splits, SCHEMA), SCHEMA)


def test_right_labels_give_no_finding():
    assert check(people(40)) == []


def test_an_object_with_one_exchanged_pair_is_found_and_named():
    def spoil(number, box, points):
        if number in (7, 21):
            points[[3, 4]] = points[[4, 3]]

    (finding,) = check(people(40, spoil))
    assert (finding.code, finding.count) == ("swapped_sides", 2)
    assert {example.picture for example in finding.examples} == {7, 21}
    assert all(example.caption == "left_hip / right_hip" for example in finding.examples)
    assert all(example.keypoints == (3, 4) for example in finding.examples)


def test_figures_seen_from_behind_are_right():
    def turn(number, box, points):
        if number % 2:
            points[:, 0] = 2 * box[0] - points[:, 0]

    assert check(people(40, turn)) == []


def test_figures_lying_on_their_side_are_right():
    def lie(number, box, points):
        if number % 3 == 0:
            points[:, :2] = (points[:, 1::-1] - box[1::-1]) * (-1, 1) + box[:2]

    assert check(people(40, lie)) == []


def test_a_pair_that_often_crosses_is_not_reported():
    def cross(number, box, points):
        if number % 3 == 0:
            points[[5, 6]] = points[[6, 5]]

    assert check(people(60, cross)) == []


def test_names_exchanged_in_the_whole_set_are_found():
    def spoil(number, box, points):
        points[[1, 2]] = points[[2, 1]]

    (finding,) = check(people(40, spoil))
    assert (finding.code, finding.severity) == ("mixed_names", "error")
    assert "left_shoulder and right_shoulder" in finding.title


def test_an_empty_set_gives_no_finding():
    assert check(people(0)) == []
