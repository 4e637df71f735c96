"""Counts of a data set are those of its labels."""

import numpy as np

from data.checks.sets import FRONT, SCHEMA, people, person, picture, split
from posekit.data.checks.checks import find_class_imbalance
from posekit.data.checks.table import measure, table_of


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
