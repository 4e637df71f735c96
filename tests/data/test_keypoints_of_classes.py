import logging

import numpy as np

from posekit.data.labels import Labels, PictureLabels
from posekit.data.open_split import without_padding
from posekit.schema.schema import KeypointSchema

SCHEMA = KeypointSchema(shape=(3, 3), classes=(0, 2), class_points=(3, 2))


def labels():
    picture = PictureLabels(
        path="a.jpg",
        size=(10, 10),
        classes=np.array([0, 1, 2]),
        boxes=np.full((3, 4), 0.5, np.float32),
        keypoints=np.full((3, 3, 3), 0.5, np.float32) * np.array((1, 1, 4), np.float32),
    )
    return Labels.join([picture])


def test_points_that_a_class_does_not_have_become_unlabelled_and_are_counted(caplog):
    with caplog.at_level(logging.WARNING, "posekit"):
        (cleared,) = without_padding(labels(), SCHEMA, "data.yaml")
    assert cleared.keypoints[..., 2].tolist() == [[2, 2, 2], [0, 0, 0], [2, 2, 0]]
    assert not cleared.keypoints[cleared.keypoints[..., 2] == 0].any()
    assert caplog.messages == ["data.yaml: 4 labels of keypoints that their classes do not have are left out"]


def test_without_padding_nothing_changes():
    one = labels()
    for schema in (None, KeypointSchema(shape=(3, 3), classes=(0,))):
        assert without_padding(one, schema, "data.yaml") is one
