import json

import cv2
import numpy as np
import pytest

from posekit.data.convert.label_studio import read_label_studio
from posekit.errors import DatasetError, DatasetNotFoundError


def rectangle(region, x, y, width, height, label="dog", **more):
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": 0, "rectanglelabels": [label]}
    return {"id": region, "type": "rectanglelabels", "value": value} | SIZE | more


def keypoint(region, x, y, label, **more):
    value = {"x": x, "y": y, "width": 0.5, "keypointlabels": [label]}
    return {"id": region, "type": "keypointlabels", "value": value} | SIZE | more


def polygon(region, points, label="dog", **more):
    return {"id": region, "type": "polygonlabels", "value": {"points": points, "polygonlabels": [label]}} | SIZE | more


def relation(first, second):
    return {"type": "relation", "from_id": first, "to_id": second, "direction": "right"}


SIZE = {"original_width": 200, "original_height": 100, "image_rotation": 0}


@pytest.fixture
def export(tmp_path):
    """Return a function that writes an export of one task, or the given ones, and reads it."""

    def read(*results, tasks=None, images=None):
        path = tmp_path / "export.json"
        default = [{"id": 7, "data": {"image": "a.png"}, "annotations": [{"id": 1, "result": list(results)}]}]
        path.write_text(json.dumps(default if tasks is None else tasks))
        return read_label_studio(path, images=images)

    return read


def only_object(annotations):
    ((thing,),) = [picture.objects for picture in annotations.pictures]
    return thing


def codes(annotations):
    return [problem.code for problem in annotations.problems]


def test_percent_become_pixels(export):
    annotations = export(rectangle("r", 10, 10, 30, 50))
    assert only_object(annotations).box == (20, 10, 80, 60)
    assert annotations.pictures[0].size == (100, 200)
    assert annotations.pictures[0].image_id == 7
    assert annotations.names == {0: "dog"}
    assert annotations.schema is None


def test_keypoints_belong_to_their_parent_even_where_rectangles_overlap(export):
    annotations = export(
        keypoint("k", 20, 20, "nose", parentID="s"),
        rectangle("r", 0, 0, 50, 50),
        rectangle("s", 10, 10, 50, 50, "cat"),
    )
    dog, cat = sorted(annotations.pictures[0].objects, key=lambda thing: -thing.label)
    assert annotations.names == {0: "cat", 1: "dog"}
    assert dog.keypoints is None
    assert cat.keypoints.tolist() == [[40, 20, 2]]


def test_keypoints_belong_to_the_region_that_they_are_related_to(export):
    annotations = export(
        rectangle("r", 0, 0, 50, 50),
        rectangle("s", 10, 10, 50, 50, "cat"),
        keypoint("k", 90, 90, "nose"),
        relation("k", "r"),
    )
    dog = next(thing for thing in annotations.pictures[0].objects if thing.label == 1)
    assert dog.keypoints.tolist() == [[180, 90, 2]]


def test_other_keypoints_belong_to_the_only_rectangle_they_lie_in(export):
    annotations = export(
        rectangle("r", 0, 0, 50, 50),
        rectangle("s", 40, 40, 50, 50, "cat"),
        keypoint("k", 10, 10, "nose"),
        keypoint("l", 80, 80, "nose"),
    )
    dog, cat = annotations.pictures[0].objects
    assert dog.keypoints.tolist() == [[20, 10, 2]]
    assert cat.keypoints.tolist() == [[160, 80, 2]]


@pytest.mark.parametrize("place", [45, 95])
def test_a_keypoint_in_two_rectangles_or_none_is_a_problem(export, place):
    annotations = export(
        rectangle("r", 0, 0, 50, 50), rectangle("s", 40, 40, 50, 50), keypoint("k", place, place, "nose")
    )
    assert [thing.keypoints for thing in annotations.pictures[0].objects] == [None, None]
    assert codes(annotations) == ["unassigned_point"]
    assert "'nose'" in str(annotations.problems[0])


def test_keypoints_alone_on_a_picture_are_one_object(export):
    annotations = export(keypoint("k", 10, 10, "tail"), keypoint("l", 80, 80, "nose"))
    assert annotations.names == {0: "object"}
    assert annotations.schema.names == ("nose", "tail")
    assert only_object(annotations).keypoints.tolist() == [[160, 80, 2], [20, 10, 2]]


def test_a_polygon_that_is_linked_to_a_rectangle_is_its_outline(export):
    thing = only_object(
        export(
            rectangle("r", 0, 0, 50, 50),
            polygon("p", [[0, 0], [10, 0], [10, 10]], parentID="r"),
            keypoint("k", 1, 1, "nose", parentID="p"),
        )
    )
    assert thing.box == (0, 0, 100, 50)
    assert [part.tolist() for part in thing.parts] == [[[0, 0], [20, 0], [20, 10]]]
    assert thing.keypoints.tolist() == [[2, 1, 2]]


def test_a_second_keypoint_of_the_same_name_is_a_problem(export):
    annotations = export(rectangle("r", 0, 0, 90, 90), keypoint("k", 10, 10, "nose"), keypoint("l", 20, 20, "nose"))
    assert only_object(annotations).keypoints.tolist() == [[20, 10, 2]]
    assert codes(annotations) == ["duplicate_point"]


def test_a_choice_that_says_hidden_makes_its_keypoint_hidden(export):
    annotations = export(
        keypoint("k", 10, 10, "nose"), {"id": "k", "type": "choices", "value": {"choices": ["Occluded"]}}
    )
    assert only_object(annotations).keypoints.tolist() == [[20, 10, 1]]


def test_labels_may_stand_in_a_result_of_their_own(export):
    value = {"x": 10, "y": 10, "width": 30, "height": 50, "rotation": 0}
    annotations = export(
        {"id": "r", "type": "rectangle", "value": value} | SIZE,
        {"id": "r", "type": "labels", "value": value | {"labels": ["cat"]}} | SIZE,
    )
    assert annotations.names == {0: "cat"}
    assert only_object(annotations).box == (20, 10, 80, 60)


def test_a_turned_rectangle_becomes_the_upright_one_around_it_and_says_so(export):
    turned = rectangle("r", 50, 50, 10, 40)
    turned["value"]["rotation"] = 90
    annotations = export(turned)
    # It turns around its upper left corner, in pixels: 20 wide and 40 high before, 40 wide and 20 high behind.
    np.testing.assert_allclose(only_object(annotations).box, (60, 50, 100, 70))
    assert codes(annotations) == ["turned_box"]


@pytest.mark.parametrize(
    ("region", "code"),
    [
        ({"id": "b", "type": "brushlabels", "value": {"rle": [1], "brushlabels": ["dog"]}} | SIZE, "unsupported_shape"),
        ({"id": "b", "type": "ellipselabels", "value": {"ellipselabels": ["dog"]}} | SIZE, "unsupported_shape"),
        ({"id": "b", "type": ["x"], "value": {"labels": ["dog"]}} | SIZE, "unsupported_shape"),
        (rectangle("b", 1, 1, 0, 5), "empty_box"),
        (rectangle("b", 1, float("nan"), 5, 5), "bad_number"),
        (rectangle("b", 1, 1e999, 5, 5), "bad_number"),
        (rectangle("b", 1, "1", 5, 5), "bad_number"),
        (rectangle("b", 1, 1, 5, 5, ""), "no_label"),
        (polygon("b", [[1, 2], [3, 4]]), "bad_outline"),
        (polygon("b", [[1, 2], [3, 4], [5]]), "bad_number"),
        (polygon("b", {"x": 1}), "bad_outline"),
        (SIZE, "no_label"),
        ("text", "bad_result"),
    ],
)  # fmt: skip
def test_a_region_that_cannot_be_used_is_counted_and_named_and_costs_no_other(export, region, code):
    annotations = export(rectangle("r", 10, 10, 30, 50), region)
    assert only_object(annotations).box == (20, 10, 80, 60)
    assert codes(annotations) == [code]
    assert annotations.problems[0].objects == 1
    assert "task 7" in str(annotations.problems[0])


def test_brush_masks_are_refused_with_a_way_out(export):
    annotations = export({"id": "b", "type": "brushlabels", "value": {"brushlabels": ["dog"]}} | SIZE)
    assert "export as COCO from Label Studio" in annotations.problems[0].message


def test_of_several_annotations_ground_truth_counts_else_the_newest(export):
    def annotation(x, **more):
        return {"result": [rectangle("r", x, 0, 10, 10)], **more}

    old, new = annotation(1, updated_at="2023-01-01T00:00:00Z"), annotation(2, updated_at="2024-01-01T00:00:00Z")
    truth, cancelled = annotation(3, ground_truth=True), annotation(4, was_cancelled=True, updated_at="2025")
    for listed, x in (([new, old, cancelled], 4), ([truth, new, old], 6)):
        annotations = export(tasks=[{"data": {"image": "a.png"}, "annotations": listed}])
        assert only_object(annotations).box[0] == x
        assert codes(annotations) == ["several_annotations"]


def test_a_task_that_nobody_labelled_is_left_out_and_an_empty_one_is_background(export):
    picture = {"data": {"image": "a.png"}}
    annotations = export(
        tasks=[
            picture | {"id": 1, "annotations": []},
            picture | {"id": 2, "annotations": [], "predictions": [{"result": [rectangle("r", 1, 1, 5, 5)]}]},
            picture | {"id": 3, "annotations": [{"result": [rectangle("r", 1, 1, 5, 5)], "was_cancelled": True}]},
            picture | {"id": 4, "annotations": [{"result": [dict(SIZE, type="choices", value={})]}]},
        ]
    )
    assert [picture.image_id for picture in annotations.pictures] == [4]
    assert [(problem.code, problem.objects, problem.picture) for problem in annotations.problems] == [
        ("not_labelled", 0, True),
        ("not_labelled", 0, True),
        ("not_labelled", 1, True),
    ]


def test_a_turned_picture_is_left_out(export):
    annotations = export(rectangle("r", 1, 1, 5, 5) | {"image_rotation": 90})
    assert annotations.pictures == ()
    assert (codes(annotations), annotations.problems[0].objects) == (["turned_picture"], 1)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ({"image": "/data/upload/1/abcd1234-dog%201.png"}, "abcd1234-dog 1.png"),
        ({"image": "/data/local-files/?d=set/dogs/1.png"}, "set/dogs/1.png"),
        ({"image": "s3://bucket/set/1.png"}, "set/1.png"),
        ({"image": "https://example.com/set/1.png?token=2"}, "set/1.png"),
        ({"photo": "set\\1.png", "note": "a dog"}, "set/1.png"),
        ({"image": "a.png", "thumbnail": "b.png"}, "a.png"),
    ],
)
def test_the_name_of_the_picture_is_told_from_its_address(export, data, name):
    annotations = export(tasks=[{"data": data, "annotations": [{"result": [rectangle("r", 1, 1, 5, 5)]}]}])
    assert annotations.pictures[0].file_name == name


@pytest.mark.parametrize("data", [{}, {"text": "a"}, {"a": "a.png", "b": "b.png"}, {"image": 3}, {"image": "\0.png"}])
def test_a_task_without_one_picture_is_left_out(export, data):
    annotations = export(tasks=[{"data": data, "annotations": [{"result": [rectangle("r", 1, 1, 5, 5)]}]}])
    assert (codes(annotations), annotations.problems[0].objects) == (["no_picture_name"], 1)


@pytest.mark.parametrize("name", ["dog 1.png", "abcd1234-dog 1.png"])
def test_an_uploaded_picture_is_found_with_and_without_its_prefix(export, tmp_path, name):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / name).touch()
    tasks = [
        {
            "data": {"image": "/data/upload/1/abcd1234-dog%201.png"},
            "annotations": [{"result": [rectangle("r", 1, 1, 5, 5)]}],
        }
    ]
    annotations = export(tasks=tasks, images=tmp_path / "pictures")
    assert annotations.pictures[0].path == tmp_path / "pictures" / name


def test_the_size_of_a_picture_without_regions_comes_from_its_file(export, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((30, 40, 3), np.uint8))
    tasks = [{"data": {"image": name}, "annotations": [{"result": []}]} for name in ("a.png", "b.png")]
    annotations = export(tasks=tasks)
    assert [picture.size for picture in annotations.pictures] == [(30, 40)]
    assert codes(annotations) == ["no_size"]


def test_json_min_is_refused_with_a_way_out(export):
    tasks = [{"image": "a.png", "id": 1, "kp-1": [], "annotator": 1, "annotation_id": 2}]
    with pytest.raises(DatasetError, match=r"JSON-MIN, .*: export again and choose JSON"):
        export(tasks=tasks)


@pytest.mark.parametrize("tasks", [[], {}, [1], [{"a": 1}], "text"])
def test_json_of_another_form_is_one_clear_error(export, tasks):
    with pytest.raises(DatasetError, match="Label Studio"):
        export(tasks=tasks)


def test_completions_of_old_exports_are_read(export):
    tasks = [{"data": {"image": "a.png"}, "completions": [{"result": [rectangle("r", 10, 10, 30, 50)]}]}]
    assert only_object(export(tasks=tasks)).box == (20, 10, 80, 60)


def test_links_in_a_circle_do_not_hang(export):
    annotations = export(
        rectangle("r", 10, 10, 30, 50, parentID="k"), keypoint("k", 1, 1, "nose", parentID="r"), relation("r", "r")
    )
    assert only_object(annotations).keypoints.tolist() == [[2, 1, 2]]


def test_a_missing_or_broken_file_is_said(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="there is no such annotation file"):
        read_label_studio(tmp_path / "a.json")
    (tmp_path / "a.json").write_text("[{")
    with pytest.raises(DatasetError, match=r"a\.json:1:3: is no valid JSON"):
        read_label_studio(tmp_path / "a.json")
