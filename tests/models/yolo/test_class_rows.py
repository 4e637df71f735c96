import pytest
import torch

from posekit.models.yolo.weights import copy_class_rows, moved_classes


def listed(*names):
    return dict(enumerate(names))


@pytest.mark.parametrize(
    ("names", "source", "expected"),
    [
        (listed("cow", "bird"), listed("cat", "dog", "Cow "), {0: 2}),
        (listed("dog", "cat"), listed("cat", "dog"), {0: 1, 1: 0}),
        (listed("cat"), listed("cat", "dog"), {0: 0}),
        (listed("cat", "dog"), listed("CAT", "Dog"), {}),
        (listed("cat", "fish"), listed("cat", "dog"), {}),
        (listed("salmon"), listed("person"), {}),
        (listed("salmon"), listed("person", "car"), {}),
        (listed("1", "0"), listed("0", "1"), {}),
        (listed("0", "cat"), listed("cat", "0", "dog"), {1: 0}),
        (listed("", "cat"), listed("cat", ""), {1: 0}),
        (listed("cat", "b"), listed("a", "cat", "Cat"), {0: 1}),
        (listed("Straße"), listed("x", "STRASSE"), {0: 1}),
    ],
)
def test_classes_are_found_by_name(names, source, expected):
    assert moved_classes(names, source) == expected


def test_rows_are_copied_to_their_places():
    target, source = torch.zeros(3, 2, 1, 1), torch.arange(4.0).reshape(2, 2, 1, 1)
    assert copy_class_rows(target, source, {2: 0, 0: 1})
    assert target.flatten(1).tolist() == [[2, 3], [0, 0], [0, 1]]


def test_rows_of_another_width_are_left():
    target = torch.zeros(3, 2, 1, 1)
    assert not copy_class_rows(target, torch.ones(3, 4, 1, 1), {0: 1})
    assert (target == 0).all()
