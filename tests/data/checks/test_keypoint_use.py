"""Points that are never labelled, and visibility values that contradict their points."""

import pytest

from data.checks.sets import SCHEMA, people
from posekit.data.checks.checks import find_unused_keypoints, find_visibility_misuse
from posekit.data.checks.table import table_of


def found(check, splits):
    return {finding.code: finding for finding in check(table_of(splits, SCHEMA), SCHEMA)}


def test_a_well_labelled_set_gives_no_finding():
    assert found(find_unused_keypoints, people(20)) == {}
    assert found(find_visibility_misuse, people(20)) == {}


def test_a_point_that_is_never_labelled_is_named():
    def spoil(number, box, points):
        points[4] = 0

    finding = found(find_unused_keypoints, people(20, spoil))["unused_keypoints"]
    assert finding.count == 1
    assert "right_hip" in finding.title


def test_a_rare_point_is_named_with_its_share():
    def spoil(number, box, points):
        if number:
            points[4] = 0

    assert "right_hip (0.5%)" in found(find_unused_keypoints, people(200, spoil))["rare_keypoints"].title


def test_a_set_without_any_labelled_point_is_an_error():
    def spoil(number, box, points):
        points[:, 2] = 0

    assert found(find_unused_keypoints, people(3, spoil))["no_keypoints"].severity == "error"


def test_labelled_points_in_the_corner_are_an_error():
    def spoil(number, box, points):
        if number == 3:
            points[[2, 5]] = (0, 0, 2)

    finding = found(find_visibility_misuse, people(10, spoil))["labelled_at_origin"]
    assert (finding.severity, finding.count) == ("error", 2)
    assert finding.examples[0].picture == 3
    assert finding.examples[0].keypoints == (2, 5)


@pytest.mark.parametrize(("value", "code"), [(0, "place_without_visibility"), (2, "no_hidden_points")])
def test_unused_values_are_noted(value, code):
    def spoil(number, box, points):
        points[0, 2] = value

    assert found(find_visibility_misuse, people(10, spoil))[code].severity == "note"
