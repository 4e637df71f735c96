import json

import pytest

from posekit.errors import SchemaError
from posekit.schema.schema import COCO_PERSON, KeypointSchema


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
