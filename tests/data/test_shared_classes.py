import numpy as np
import pytest

from posekit.data.labels import Labels, PictureLabels, Split
from posekit.data.open_split import number_like
from posekit.errors import DatasetError

DOG_CAT = {0: "dog", 1: "cat"}


def split(names):
    picture = PictureLabels(
        path="a.png", size=(20, 20), classes=np.array([0, 1, 1]), boxes=np.full((3, 4), 0.5, np.float32)
    )
    return Split(name="val", pictures=Labels.join([picture]), names=names, schema=None)


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (DOG_CAT, [0, 1, 1]),
        ({0: "cat", 1: "dog"}, [1, 0, 0]),
        ({0: "bird", 1: "cat", 2: "dog"}, [2, 1, 1]),
    ],
)
def test_classes_are_matched_by_name(names, classes):
    matched = number_like(split(DOG_CAT), names, "d.yaml")
    np.testing.assert_array_equal(matched.pictures[0].classes, classes)
    assert matched.names == names


def test_names_made_up_for_a_number_of_classes_give_way():
    assert number_like(split(DOG_CAT), {0: "class_0", 1: "class_1"}, "d.yaml").names == DOG_CAT


@pytest.mark.parametrize("names", [{0: "dog"}, {0: "dog", 1: "horse"}, {0: "class_0"}, {0: "dog", 1: "cat", 2: "cat"}])
def test_a_class_without_its_like_is_refused(names):
    with pytest.raises(DatasetError, match=r"d\.yaml: names .*, but the annotations of its split val have the classes"):
        number_like(split(DOG_CAT), names, "d.yaml")
