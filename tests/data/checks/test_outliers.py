"""Boxes and points of unlikely size or place are found, the most striking ones first."""

import pytest

from data.checks.sets import SCHEMA, people
from posekit.data.checks.checks import find_outliers
from posekit.data.checks.table import table_of


def found(splits):
    return {finding.code: finding for finding in find_outliers(table_of(splits, SCHEMA), SCHEMA)}


def far_point(box, points):
    points[6, :2] = (0.02, 0.02)


def tiny_box(box, points):
    box[2:] = 0.004
    points[:, 2] = 0


def box_beyond(box, points):
    box[0] = 0.99


def one_place(box, points):
    points[[1, 3, 5], :2] = box[:2]


def test_a_good_set_has_no_outliers():
    assert found(people(40)) == {}


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (far_point, "points_outside_box"),
        (far_point, "long_limbs"),
        (tiny_box, "tiny_boxes"),
        (box_beyond, "box_beyond_picture"),
        (one_place, "points_in_one_place"),
    ],
)
def test_one_bad_object_is_found(spoil, code):
    finding = found(people(40, lambda number, box, points: spoil(box, points) if number == 11 else None))[code]
    assert finding.count == 1
    assert finding.examples[0].picture == 11


def test_the_worst_comes_first():
    def spoil(number, box, points):
        if number in (5, 9):
            points[6, 0] = box[0] + box[2] * (1.2 if number == 5 else 2.0)

    finding = found(people(40, spoil))["points_outside_box"]
    assert [example.picture for example in finding.examples] == [9, 5]


def test_an_empty_set_has_no_outliers():
    assert found(people(0)) == {}
