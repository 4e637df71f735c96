"""What the checks find, and what they do not take for a mistake."""

import cv2
import numpy as np
import pytest

from data.checks.sets import FRONT, SCHEMA, people, person, picture, split
from golden.fill import image
from posekit.data.checks.checks import (
    find_class_imbalance,
    find_duplicate_objects,
    find_duplicate_pictures,
    find_leakage,
    find_outliers,
    find_swapped_sides,
    find_unused_keypoints,
    find_visibility_misuse,
    picture_prints,
)
from posekit.data.checks.table import measure, table_of


def swapped(splits):
    return find_swapped_sides(table_of(splits, SCHEMA), SCHEMA)


def test_right_labels_give_no_finding():
    assert swapped(people(40)) == []


def test_an_object_with_one_exchanged_pair_is_found_and_named():
    def spoil(number, box, points):
        if number in (7, 21):
            points[[3, 4]] = points[[4, 3]]

    (finding,) = swapped(people(40, spoil))
    assert (finding.code, finding.count) == ("swapped_sides", 2)
    assert {example.picture for example in finding.examples} == {7, 21}
    assert all(example.caption == "left_hip / right_hip" for example in finding.examples)
    assert all(example.keypoints == (3, 4) for example in finding.examples)


def test_figures_seen_from_behind_are_right():
    def turn(number, box, points):
        if number % 2:
            points[:, 0] = 2 * box[0] - points[:, 0]

    assert swapped(people(40, turn)) == []


def test_figures_lying_on_their_side_are_right():
    def lie(number, box, points):
        if number % 3 == 0:
            points[:, :2] = (points[:, 1::-1] - box[1::-1]) * (-1, 1) + box[:2]

    assert swapped(people(40, lie)) == []


def test_a_pair_that_often_crosses_is_not_reported():
    def cross(number, box, points):
        if number % 3 == 0:
            points[[5, 6]] = points[[6, 5]]

    assert swapped(people(60, cross)) == []


def test_names_exchanged_in_the_whole_set_are_found():
    def spoil(number, box, points):
        points[[1, 2]] = points[[2, 1]]

    (finding,) = swapped(people(40, spoil))
    assert (finding.code, finding.severity) == ("mixed_names", "error")
    assert "left_shoulder and right_shoulder" in finding.title


def test_an_empty_set_has_no_exchanged_sides():
    assert swapped(people(0)) == []


def outliers(splits):
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
    assert outliers(people(40)) == {}


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
def test_one_bad_object_is_outliers(spoil, code):
    finding = outliers(people(40, lambda number, box, points: spoil(box, points) if number == 11 else None))[code]
    assert finding.count == 1
    assert finding.examples[0].picture == 11


def test_the_worst_comes_first():
    def spoil(number, box, points):
        if number in (5, 9):
            points[6, 0] = box[0] + box[2] * (1.2 if number == 5 else 2.0)

    finding = outliers(people(40, spoil))["points_outside_box"]
    assert [example.picture for example in finding.examples] == [9, 5]


def test_an_empty_set_has_no_outliers():
    assert outliers(people(0)) == {}


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


@pytest.fixture
def files(tmp_path):
    paths = []
    for number in range(4):
        paths.append(tmp_path / f"{number}.png")
        cv2.imwrite(str(paths[-1]), image(96, 128, number))
    return paths


def splits_of(**paths):
    return {
        name: split([picture([], path=path, size=(96, 128)) for path in files], name) for name, files in paths.items()
    }


def test_different_pictures_are_no_copies(files):
    prints = picture_prints(splits_of(train=files[:2], val=files[2:]))
    assert find_duplicate_pictures(prints) == find_leakage(prints) == []


def test_a_copy_in_the_same_split_is_a_duplicate_and_no_leak(files):
    prints = picture_prints(splits_of(train=[*files, files[1]]))
    (finding,) = find_duplicate_pictures(prints)
    assert finding.count == 1
    assert {example.picture for example in finding.examples} == {1, 4}
    assert find_leakage(prints) == []


def test_a_copy_in_another_split_is_a_leak(files, tmp_path):
    again = tmp_path / "saved-again.jpg"
    cv2.imwrite(str(again), cv2.imread(str(files[0])), (cv2.IMWRITE_JPEG_QUALITY, 98))
    prints = picture_prints(splits_of(train=files[:2], val=[files[2], files[1]]))
    (finding,) = find_leakage(prints)
    assert (finding.severity, finding.count) == ("error", 1)
    assert {(example.split, example.picture) for example in finding.examples} == {("train", 1), ("val", 1)}
    assert find_duplicate_pictures(prints) == []


def test_plain_pictures_are_told_apart_by_their_bytes(tmp_path):
    paths = []
    for level in (10, 200):
        paths.append(tmp_path / f"{level}.png")
        cv2.imwrite(str(paths[-1]), np.full((64, 64, 3), level, np.uint8))
    assert find_duplicate_pictures(picture_prints(splits_of(train=paths))) == []


def test_an_object_labelled_twice_is_found():
    box, points = person(3)
    shifted = box + np.array((0.001, 0, 0, 0))
    labels = [picture([person(1), (box, points), (shifted, points)])]
    (finding,) = find_duplicate_objects(table_of({"train": split(labels)}, SCHEMA))
    assert finding.count == 1
    assert finding.examples[0].objects == (1, 2)


def test_objects_of_two_classes_may_share_a_box():
    box, points = person(3)
    labels = [picture([(box, points), (box, points)], classes=[0, 1])]
    assert find_duplicate_objects(table_of({"train": split(labels)}, SCHEMA)) == []


def test_a_good_set_has_no_object_twice():
    assert find_duplicate_objects(table_of(people(10), SCHEMA)) == []


def test_splits_are_counted():
    splits = {"train": split([picture([person(0), person(1)]), picture([])]), "val": split([picture([person(2)])])}
    train, val = measure(splits, table_of(splits, SCHEMA), 1).splits
    assert (train.pictures, train.background, train.objects, train.with_keypoints) == (2, 1, 2, 2)
    assert (val.name, val.pictures, val.objects) == ("val", 1, 1)


def test_visibility_and_mean_places_are_measured():
    splits = people(30)
    statistics = measure(splits, table_of(splits, SCHEMA), 1)
    np.testing.assert_array_equal(statistics.visibility[0], [0, 30, 0])
    np.testing.assert_array_equal(statistics.visibility[1], [0, 0, 30])
    np.testing.assert_allclose(statistics.mean_points, FRONT, atol=0.02)
    assert statistics.box_sizes.shape == (30, 2)


def test_classes_without_and_with_few_objects_are_told():
    objects = [person(number) for number in range(120)]
    splits = {"train": split([picture(objects, classes=[0] * 119 + [2])])}
    names = {0: "person", 1: "dog", 2: "cat"}
    statistics = measure(splits, table_of(splits, SCHEMA), 3)
    np.testing.assert_array_equal(statistics.class_counts, [119, 0, 1])
    absent, rare = find_class_imbalance(statistics, names)
    assert "dog" in absent.title
    assert "cat (1)" in rare.title


def test_an_empty_set_has_zeros():
    splits = people(0)
    statistics = measure(splits, table_of(splits, SCHEMA), 1)
    assert statistics.class_counts.tolist() == [0]
    assert np.isnan(statistics.mean_points).all()
