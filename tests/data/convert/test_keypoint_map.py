import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.data.annotation import AnnotationSet, ObjectAnnotation, PictureAnnotation
from posekit.data.convert.keypoint_map import map_keypoints
from posekit.errors import SettingError
from posekit.schema.schema import COCO_PERSON, KeypointSchema

SCHEMA = KeypointSchema(
    shape=(4, 3),
    names=("nose", "left_eye", "right_eye", "tail"),
    skeleton=((0, 1), (0, 2), (0, 3)),
    flip_idx=(0, 2, 1, 3),
    oks_sigmas=(0.1, 0.2, 0.3, 0.4),
)
POINTS = np.array([[10, 11, 2], [20, 21, 1], [30, 31, 2], [0, 0, 0]], float)


def one_object(schema=SCHEMA, points=POINTS):
    thing = ObjectAnnotation(label=0, box=(1, 2, 3, 4), keypoints=points)
    picture = PictureAnnotation(file_name="a.png", path=None, size=(50, 60), objects=(thing,))
    return AnnotationSet(names={0: "dog"}, schema=schema, pictures=(picture,))


def points_of(annotations):
    return annotations.pictures[0].objects[0].keypoints.tolist()


def test_points_follow_their_names():
    mapped = map_keypoints(one_object(), ["right_eye", "nose", "left_eye"], file="a")
    assert points_of(mapped) == [[30, 31, 2], [10, 11, 2], [20, 21, 1]]
    assert mapped.schema.names == ("right_eye", "nose", "left_eye")
    assert mapped.schema.skeleton == ((1, 2), (1, 0))
    assert mapped.schema.flip_idx == (2, 1, 0)
    assert mapped.schema.oks_sigmas == (0.3, 0.1, 0.2)


def test_spelling_makes_no_difference():
    assert points_of(map_keypoints(one_object(), ["Left Eye", "NOSE"], file="a")) == [[20, 21, 1], [10, 11, 2]]


def test_a_point_that_the_set_lacks_is_unlabelled_and_named():
    mapped = map_keypoints(one_object(), ["nose", "left_ear", "right_ear"], file="a.json")
    assert points_of(mapped) == [[10, 11, 2], [0, 0, 0], [0, 0, 0]]
    assert mapped.schema.flip_idx == (0, 2, 1)
    assert mapped.schema.oks_sigmas is None
    missing, dropped = mapped.problems
    assert "left_ear, right_ear" in missing.message
    assert "left_eye (1), right_eye (1), tail (0)" in dropped.message
    assert {problem.file for problem in mapped.problems} == {"a.json"}


def test_two_spellings_of_one_name_in_the_set_are_told_apart_only_by_the_letter():
    schema = KeypointSchema(shape=(2, 3), names=("Paw", "paw"))
    annotations = one_object(schema, POINTS[:2])
    assert points_of(map_keypoints(annotations, ["paw"], file="a")) == [[20, 21, 1]]
    with pytest.raises(SettingError, match="none of them is a keypoint"):
        map_keypoints(annotations, ["PAW"], file="a")


@pytest.mark.parametrize(
    ("names", "said"), [(["nose", "Nose"], "named once"), (["beak"], "none of them is a keypoint of a, which has")]
)
def test_names_that_cannot_be_meant_are_errors(names, said):
    with pytest.raises(SettingError, match=said):
        map_keypoints(one_object(), names, file="a")


def test_a_set_without_keypoints_is_an_error():
    annotations = AnnotationSet(names={0: "dog"}, schema=None, pictures=())
    with pytest.raises(SettingError, match="has no keypoints"):
        map_keypoints(annotations, ["nose"], file="a")


@given(order=st.permutations(range(17)))
def test_any_order_and_back_is_the_same(order):
    points = np.arange(51, dtype=float).reshape(17, 3)
    annotations = one_object(COCO_PERSON, points)
    shuffled = map_keypoints(annotations, [COCO_PERSON.names[i] for i in order], file="a")
    assert shuffled.problems == ()
    back = map_keypoints(shuffled, COCO_PERSON.names, file="a")
    assert points_of(back) == points.tolist()
    assert back.schema == COCO_PERSON
