"""Copies of pictures within and across splits, and objects that are labelled twice."""

import cv2
import numpy as np
import pytest

from data.checks.sets import SCHEMA, people, person, picture, split
from golden.fill import image
from posekit.data.checks.checks import find_duplicate_objects, find_duplicate_pictures, find_leakage, picture_prints
from posekit.data.checks.table import table_of


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
