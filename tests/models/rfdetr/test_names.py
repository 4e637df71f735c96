"""Names of classes and keypoints."""

from posekit.models.rfdetr.architecture import KEYPOINT_PREVIEW, NANO, KeypointSlots, Layout
from posekit.models.rfdetr.weights import class_names, coco_names, point_schema
from posekit.schema.schema import COCO_PERSON


def test_cocos_categories_keep_their_ids():
    names = coco_names()
    assert len(names) == 80
    assert (names[1], names[13], names[90]) == ("person", "stop sign", "toothbrush")
    assert class_names(Layout(architecture=NANO, class_rows=91), {}) == names


def test_stated_names_count_from_0_and_leave_the_spare_row_out():
    layout = Layout(architecture=NANO, class_rows=3)
    assert class_names(layout, {"class_names": ["cat", "dog"]}) == {0: "cat", 1: "dog"}
    assert class_names(layout, {"class_names": ["cat"]}) == {0: "0", 1: "1"}
    assert class_names(layout, {"class_names": "cat"}) == {0: "0", 1: "1"}


def test_one_class_is_a_person():
    assert class_names(Layout(architecture=NANO, class_rows=2, keypoints=17), {}) == {0: "person"}


def test_persons_of_the_preview_follow_its_background():
    published = Layout(architecture=KEYPOINT_PREVIEW, class_rows=2, slots=KeypointSlots((0, 17)))
    default = Layout(architecture=KEYPOINT_PREVIEW, class_rows=91, slots=KeypointSlots((17,)))
    assert class_names(published, {}) == {1: "person"}
    assert class_names(default, {}) == {0: "person"}


def test_points_without_names_are_cocos_if_they_are_17():
    assert point_schema(Layout(architecture=NANO, class_rows=2, keypoints=17), {}) == COCO_PERSON
    assert point_schema(Layout(architecture=NANO, class_rows=2, keypoints=4), {}).names == ("0", "1", "2", "3")
    assert point_schema(Layout(architecture=NANO, class_rows=2), {}) is None


def test_stated_point_names():
    layout = Layout(architecture=NANO, class_rows=2, keypoints=2)
    assert point_schema(layout, {"keypoint_names": ["head", "tail"]}).names == ("head", "tail")
    assert point_schema(layout, {"keypoint_names": ["head"]}).names == ("0", "1")
