"""What is read of a COCO file, and what is said of the rest; no damage crashes or loses an object."""

import json
import random
from collections import Counter

import cv2
import numpy as np
import pytest
from hotcoco import mask as coco_mask

from data.coco.coco_files import BIRD, POINTS, content, damaged_text, entry, picture, write
from posekit.data.coco.categories import read_categories
from posekit.data.coco.fields import load_coco, read_parts
from posekit.data.coco.read import read_coco
from posekit.data.coco.split import read_coco_split
from posekit.data.coco.write import coco_content
from posekit.errors import DatasetError, PosekitError, SchemaError
from posekit.files.problems import ProblemList
from posekit.files.values import UnusableValueError
from posekit.ops.polygons import mask_to_polygon
from posekit.schema.schema import COCO_PERSON

PERSON = {"id": 1, "name": "person", "keypoints": list(COCO_PERSON.names)}


def read(tmp_path, data, **settings):
    return read_coco(write(tmp_path / "x.json", data), **{"find_pictures": False} | settings)


def test_a_whole_annotation_is_read(tmp_path):
    data = content(entry(area=12.5, iscrowd=1, segmentation=[[2, 3, 22, 3, 22, 18]]))
    answer = read(tmp_path, data, task="multitask")
    assert answer.names == {0: "bird"}
    assert answer.schema.names == ("beak", "left wing", "right wing")
    assert answer.schema.skeleton == ((0, 1), (0, 2))
    assert answer.schema.flip_idx == (0, 2, 1)
    assert answer.problems == ()
    (image,) = answer.pictures
    assert (image.file_name, image.path, image.size, image.image_id) == ("a.png", None, (24, 32), 1)
    (found,) = image.objects
    assert (found.label, found.box, found.crowd, found.area) == (0, (2, 3, 22, 18), True, 12.5)
    assert found.keypoints.tolist() == [[4, 5, 2], [20, 8, 1], [0, 0, 0]]
    assert [part.tolist() for part in found.parts] == [[[2, 3], [22, 3], [22, 18]]]


def test_an_annotation_without_id_area_iscrowd_and_num_keypoints_is_fine(tmp_path):
    answer = read(tmp_path, content(entry(id=...)))
    assert len(answer.pictures[0].objects) == 1
    assert answer.problems == ()


def test_pictures_and_objects_keep_the_order_of_the_file(tmp_path):
    images = [{"id": i, "file_name": f"{i}.png", "width": 32, "height": 24} for i in (9, "two", 4)]
    data = content(entry(1, image_id=4), entry(2, image_id="two"), entry(3, image_id=4, area=7), images=images)
    answer = read(tmp_path, data)
    assert [image.image_id for image in answer.pictures] == [9, "two", 4]
    assert [len(image.objects) for image in answer.pictures] == [0, 1, 2]
    assert answer.pictures[2].objects[1].area == 7


def test_classes_are_numbered_by_ascending_category_id(tmp_path):
    categories = [{"id": 30, "name": "cat"}, BIRD | {"id": 7}, {"id": 18, "name": "dog"}]
    answer = read(tmp_path, content(entry(category_id=18), categories=categories))
    assert answer.names == {0: "bird", 1: "dog", 2: "cat"}
    assert answer.pictures[0].objects[0].label == 1
    assert answer.schema.classes == (0,)


LEFT_OUT = {
    "bad_annotation": 5,
    "no_image_id": entry(image_id=...),
    "bad_image_id": entry(image_id=1.5),
    "no_such_image": entry(image_id=99),
    "no_category_id": entry(category_id=...),
    "bad_category_id": entry(category_id="1"),
    "unknown_category_id": entry(category_id=2),
    "bad_box": entry(bbox=[1, 2, 3]),
    "bad_box ": entry(bbox=[1, 2, float("nan"), 4]),
    "bad_box  ": entry(bbox="1 2 3 4"),
    "bad_box   ": entry(bbox=[1, 2, 10**400, 4]),
    "bad_box    ": entry(bbox=[1, 2, True, 4]),
    "empty_box": entry(bbox=[1, 2, 0, 4]),
    "empty_box ": entry(bbox=[1, 2, 3, -4]),
    "no_box": entry(bbox=..., keypoints=...),
    "no_box ": entry(bbox=None, keypoints=[4, 5, 2, 0, 0, 0, 0, 0, 0]),
    "wrong_keypoint_count": entry(keypoints=[1, 2, 2]),
    "bad_keypoints": entry(keypoints={"a": 1}),
    "bad_keypoints ": entry(keypoints=[[4, 5, 2], *POINTS[1:]]),
    "bad_keypoints  ": entry(keypoints=[float("inf"), *POINTS[1:]]),
    "bad_visibility": entry(keypoints=[4, 5, 0.7, *POINTS[3:]]),
    "bad_visibility ": entry(keypoints=[4, 5, 3, *POINTS[3:]]),
    "bad_iscrowd": entry(iscrowd="0"),
    "bad_segmentation": entry(segmentation=[[1, 2, "3", 4, 5, 6]]),
    "bad_segmentation ": entry(segmentation=7),
    "bad_rle": entry(segmentation={"size": [24, 33], "counts": "0"}),
    "bad_rle ": entry(segmentation={"size": [24, 32], "counts": "!!"}),
    "bad_rle  ": entry(segmentation={"size": [24, 32]}),
    "bad_rle   ": entry(segmentation={"size": [24, 32], "counts": [-1, 5]}),
    "bad_rle    ": entry(segmentation={"size": [24, 32], "counts": [10**30]}),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_an_unusable_annotation_is_left_out_and_named(case, tmp_path):
    answer = read(tmp_path, content(entry(1), LEFT_OUT[case]), task="multitask")
    assert len(answer.pictures[0].objects) == 1
    (problem,) = answer.problems
    assert problem.code == case.strip()
    assert problem.objects == 1
    assert problem.place.startswith("annotations[1]")
    assert problem.file == str(tmp_path / "x.json")


def test_a_problem_names_annotation_id_and_value(tmp_path):
    answer = read(tmp_path, content(entry(17, bbox=[1, 2, 0, 4])))
    assert str(answer.problems[0]) == (
        f"{tmp_path / 'x.json'}: annotations[0] (id 17).bbox: has width 0.0 and height 4.0: both must be above 0"
    )


BAD_IMAGES = {
    "bad_image": 3,
    "bad_image_id": {"id": None, "file_name": "b.png", "width": 32, "height": 24},
    "bad_file_name": {"id": 2, "file_name": "", "width": 32, "height": 24},
    "bad_file_name ": {"id": 2, "file_name": 7, "width": 32, "height": 24},
    "bad_file_name  ": {"id": 2, "file_name": "a\0b", "width": 32, "height": 24},
    "bad_size": {"id": 2, "file_name": "b.png", "width": 0, "height": 24},
    "bad_size ": {"id": 2, "file_name": "b.png", "width": 31.5, "height": 24},
    "bad_size  ": {"id": 2, "file_name": "b.png", "width": "32", "height": 24},
    "bad_size   ": {"id": 2, "file_name": "b.png", "height": 24},
    "bad_size    ": {"id": 2, "file_name": "b.png", "width": 32, "height": float("nan")},
    "no_size": {"id": 2, "file_name": "b.png"},
}


@pytest.mark.parametrize("case", BAD_IMAGES)
def test_an_unusable_picture_is_left_out_with_its_objects(case, tmp_path):
    images = [*content()["images"], BAD_IMAGES[case]]
    answer = read(tmp_path, content(entry(1), entry(2, image_id=2), entry(3, image_id=2), images=images))
    assert [image.image_id for image in answer.pictures] == [1]
    assert answer.problems[0].code == case.strip()
    assert answer.problems[0].picture
    assert sum(problem.objects for problem in answer.problems) == 2


def test_a_missing_size_is_taken_from_the_picture(tmp_path):
    picture(tmp_path / "b.png", 40, 50)
    data = content(entry(image_id=2), images=[{"id": 2, "file_name": "b.png"}])
    answer = read(tmp_path, data, find_pictures=True)
    assert answer.pictures[0].size == (40, 50)
    assert [(problem.code, problem.objects) for problem in answer.problems] == [("size_from_picture", 0)]


def test_the_first_of_two_pictures_with_one_id_counts(tmp_path):
    images = [{"id": 1, "file_name": f"{name}.png", "width": 32, "height": 24} for name in "ab"]
    answer = read(tmp_path, content(entry(), images=images))
    assert [image.file_name for image in answer.pictures] == ["a.png"]
    assert len(answer.pictures[0].objects) == 1
    assert [problem.code for problem in answer.problems] == ["duplicate_image_id"]


def test_repeated_annotation_ids_and_odd_areas_are_told_but_read(tmp_path):
    answer = read(tmp_path, content(entry(1), entry(1, area="big"), entry(1, area=-1)))
    assert [found.area for found in answer.pictures[0].objects] == [None] * 3
    assert sorted(problem.code for problem in answer.problems) == ["bad_area", "bad_area", "duplicate_annotation_id"]
    assert sum(problem.objects for problem in answer.problems) == 0


def test_unusable_categories_are_told(tmp_path):
    categories = [BIRD, 5, {"id": 1, "name": "again"}, {"id": "x", "name": "y"}, {"id": 2, "name": None}]
    names, schema, problems = read_categories(write(tmp_path / "x.json", content(categories=categories)))
    assert names == {0: "bird", 1: "category_2"}
    assert schema.classes == (0,)
    codes = [problem.code for problem in problems]
    assert codes == ["bad_category", "duplicate_category_id", "bad_category_id", "bad_category_name"]


def test_categories_with_different_points_are_refused(tmp_path):
    categories = [BIRD, {"id": 2, "name": "fish", "keypoints": ["fin"]}]
    with pytest.raises(SchemaError, match=r"bird.*fish"):
        read(tmp_path, content(entry(), categories=categories))


def test_lists_that_no_category_explains_are_refused(tmp_path):
    data = content(entry(keypoints=[0] * 399), entry(keypoints=[0] * 399), categories=[PERSON])
    with pytest.raises(
        DatasetError, match=r"none of the 2 keypoint lists fits the 17 points.*399, those of 133 points"
    ):
        read(tmp_path, data)


def test_without_categories_the_ids_of_annotations_are_classes(tmp_path):
    answer = read(tmp_path, content(entry(category_id=9), entry(2, category_id=4), categories=[]))
    assert answer.names == {0: "category_4", 1: "category_9"}
    assert [found.label for found in answer.pictures[0].objects] == [1, 0]
    assert answer.schema.shape == (3, 3)
    assert {problem.code for problem in answer.problems} == {"no_categories", "unnamed_keypoints"}


def test_without_keypoints_there_is_no_schema(tmp_path):
    answer = read(tmp_path, content(entry(keypoints=...), categories=[{"id": 1, "name": "box"}]))
    assert answer.schema is None
    assert answer.pictures[0].objects[0].keypoints is None


# Oddities of published keypoint sets.


def test_points_under_a_key_with_their_number_go_before_a_shorter_list(tmp_path):
    person = PERSON | {"keypoints": [*COCO_PERSON.names, "left_finger", "right_finger", "left_toe", "right_toe"]}
    longer = [value for i in range(21) for value in (i, i + 1, 2)]
    found = read(tmp_path, content(entry(keypoints=longer[:51], keypoints_21=longer), categories=[person]))
    assert found.pictures[0].objects[0].keypoints.tolist() == [[i, i + 1, 2] for i in range(21)]


def test_limbs_that_count_from_zero_are_read_and_told(tmp_path):
    answer = read(tmp_path, content(entry(), categories=[BIRD | {"skeleton": [[0, 1], [0, 2]]}]))
    assert answer.schema.skeleton == ((0, 1), (0, 2))
    assert [problem.code for problem in answer.problems] == ["keypoint_schema"]


def test_limbs_of_another_set_are_not_used_and_told(tmp_path):
    answer = read(tmp_path, content(entry(), categories=[BIRD | {"skeleton": [[16, 14], [1, 2]]}]))
    assert answer.schema.skeleton == ()
    assert "[16, 14]" in answer.problems[0].message


@pytest.mark.parametrize("box", [..., None, []])
def test_a_missing_box_is_drawn_around_the_keypoints(box, tmp_path):
    answer = read(tmp_path, content(entry(bbox=box), entry(2, bbox=box)))
    # 10 % of the longer side, which is 16 pixels, on each side.
    assert answer.pictures[0].objects[0].box == pytest.approx((2.4, 3.4, 21.6, 9.6))
    (problem,) = answer.problems
    assert (problem.code, problem.objects) == ("box_from_keypoints", 0)
    assert "2 objects" in problem.message


def test_a_missing_box_is_the_extent_of_the_outline_where_there_is_one(tmp_path):
    answer = read(tmp_path, content(entry(bbox=..., segmentation=[[1, 2, 9, 2, 9, 20], [3, 3, 4, 4]])))
    assert answer.pictures[0].objects[0].box == (1, 2, 9, 20)
    assert {problem.code for problem in answer.problems} == {"box_from_outline", "short_polygon"}


def test_visibilities_may_be_written_as_fractions(tmp_path):
    answer = read(tmp_path, content(entry(keypoints=[4.5, 5, 2.0, 20, 8.25, 1.0, 0, 0, 0.0])))
    assert answer.pictures[0].objects[0].keypoints[:, 2].tolist() == [2, 1, 0]
    assert answer.problems == ()


def test_extra_keys_of_a_category_with_hundreds_of_points_do_no_harm(tmp_path):
    dress = {"id": 11, "name": "dress", "keypoints": [str(i) for i in range(1, 295)], "style": 1}
    data = content(entry(category_id=11, keypoints=[1.0, 2.0, 2.0] * 294, pair_id=3), categories=[dress])
    assert read(tmp_path, data).pictures[0].objects[0].keypoints.shape == (294, 3)


def whole_body(**changes):
    parts = {"foot_kpts": (6, 1), "face_kpts": (68, 2), "lefthand_kpts": (21, 3), "righthand_kpts": (21, 4)}
    lists = {
        key: [value for _ in range(count) for value in (number, number, 2)] for key, (count, number) in parts.items()
    }
    flags = {"foot_valid": True, "face_valid": True, "lefthand_valid": True, "righthand_valid": True}
    return entry(keypoints=[9, 9, 2] * 17, **lists | flags | changes)


def test_whole_body_lists_become_133_points_in_their_order(tmp_path):
    answer = read(tmp_path, content(whole_body(), categories=[PERSON]))
    points = answer.pictures[0].objects[0].keypoints
    assert points[:, 0].tolist() == [9] * 17 + [1] * 6 + [2] * 68 + [3] * 21 + [4] * 21
    schema = answer.schema
    assert schema.count == 133
    assert schema.names[17] == "left_big_toe"
    assert schema.flip_idx[17] == 20
    assert schema.flip_idx[23] == 39  # both ends of the jaw
    assert schema.flip_idx[91] == 112
    assert schema.oks_sigmas[17] == 0.068
    assert schema.skeleton
    assert answer.problems == ()


def test_whole_body_parts_that_are_invalid_or_missing_are_unlabelled(tmp_path):
    data = content(whole_body(face_valid=False), whole_body(id=2, lefthand_kpts=None), categories=[PERSON])
    first, second = read(tmp_path, data).pictures[0].objects
    assert not first.keypoints[23:91].any()
    assert first.keypoints[91:].all()
    assert not second.keypoints[91:112].any()
    assert second.keypoints[112:].all()


def test_whole_body_scores_count_as_hidden_and_are_told(tmp_path):
    data = content(whole_body(righthand_kpts=[5, 6, 0.3, 7, 8, 0.0] * 10 + [1, 1, 1]), categories=[PERSON])
    answer = read(tmp_path, data)
    assert answer.pictures[0].objects[0].keypoints[112:, 2].tolist() == [1, 0] * 10 + [1]
    assert [problem.code for problem in answer.problems] == ["scores_as_visibility"]


def test_a_whole_body_list_of_wrong_length_leaves_its_person_out(tmp_path):
    answer = read(tmp_path, content(whole_body(), whole_body(id=2, foot_kpts=[1, 2, 2]), categories=[PERSON]))
    assert len(answer.pictures[0].objects) == 1
    assert [problem.place for problem in answer.problems] == ["annotations[1] (id 2).foot_kpts"]


def test_outlines_are_read_only_for_tasks_that_need_them(tmp_path):
    data = content(entry(segmentation=[[2, 3, 22, 3, 22, 18]]))
    assert read(tmp_path, data, task="pose").pictures[0].objects[0].parts == ()
    assert len(read(tmp_path, data, task="segment").pictures[0].objects[0].parts) == 1


def test_coordinates_stay_exact(tmp_path):
    values = [1 / 3, 2 / 7, 2, 1e-9, 11.123456789012345, 1, 0, 0, 0]
    found = read(tmp_path, content(entry(keypoints=values))).pictures[0].objects[0]
    assert np.array_equal(found.keypoints.ravel(), values)


def two_classes(cat_points, fish_points):
    names = ["nose", "tail", "ear"]
    categories = [{"id": 1, "name": "cat", "keypoints": names}, {"id": 2, "name": "fish", "keypoints": names[:2]}]
    entries = [
        {"id": number, "image_id": 1, "category_id": number, "bbox": [1, 1, 8, 8], "keypoints": [5, 6, 2] * points}
        for number, points in ((1, cat_points), (2, fish_points))
    ]
    images = [{"id": 1, "file_name": "a.jpg", "width": 10, "height": 10}]
    return {"images": images, "annotations": entries, "categories": categories}


def read_classes(tmp_path, data):
    path = tmp_path / "set.json"
    path.write_text(json.dumps(data))
    return read_coco(path, task="multitask", find_pictures=False)


@pytest.mark.parametrize("fish_points", [2, 3])
def test_lists_of_a_category_with_fewer_points_are_padded(tmp_path, fish_points):
    answer = read_classes(tmp_path, two_classes(3, fish_points))
    cat, fish = answer.pictures[0].objects
    assert answer.schema.class_points == (3, 2)
    assert cat.keypoints[:, 2].tolist() == [2, 2, 2]
    assert len(fish.keypoints) == 3
    np.testing.assert_array_equal(fish.keypoints[:2], [[5, 6, 2], [5, 6, 2]])


def test_a_list_of_a_length_that_no_category_has_is_left_out_and_named(tmp_path):
    answer = read_classes(tmp_path, two_classes(2, 2))
    assert [found.label for found in answer.pictures[0].objects] == [1]
    assert any(problem.code == "wrong_keypoint_count" for problem in answer.problems)
    with pytest.raises(DatasetError, match="fits the 3 points"):
        read_classes(tmp_path, two_classes(5, 5))


OTHER_FORMS = {
    "list of detections": ([{"bbox": [1, 2, 3, 4], "category_id": 1, "image_id": 7, "score": 0.9}], "not ground truth"),
    "mpii": ([{"joints": [[1, 2]], "joints_vis": [1], "image": "a.jpg", "center": [1, 2], "scale": 3}], "MPII"),
    "stanfordextra": ([{"img_path": "a.jpg", "joints": [[1, 2, 1]], "seg": {}, "img_bbox": []}], "StanfordExtra"),
    "label studio": ([{"id": 1, "data": {"img": "a.jpg"}, "annotations": []}], "Label Studio"),
    "other list": ([{"name": "a"}], "bare list of dictionaries with the keys name"),
    "list of numbers": ([1, 2], "list of int"),
    "empty list": ([], "empty list"),
    "text": ("a", "single str"),
    "labelme": ({"shapes": [], "imagePath": "a.jpg"}, "LabelMe"),
    "via": ({"_via_img_metadata": {}}, "VGG Image Annotator"),
    "geojson": ({"type": "FeatureCollection", "features": []}, "GeoJSON"),
    "no annotations": ({"images": [], "info": {}}, "has no annotations"),
    "no images": ({"annotations": []}, "no images that they belong to"),
    "images no list": ({"images": {}, "annotations": []}, "its images are a dict"),
    "categories no list": ({"images": [], "annotations": [], "categories": {}}, "categories must be a list"),
    "other dictionary": ({"a": 1, "b" * 99: 2}, "keys a, bbb"),
    "empty dictionary": ({}, r"keys \(none\)"),
}


@pytest.mark.parametrize("form", OTHER_FORMS)
def test_other_forms_are_named(form, tmp_path):
    data, reason = OTHER_FORMS[form]
    path = tmp_path / "x.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(DatasetError, match=reason) as caught:
        load_coco(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


SIZE = (24, 32)


@pytest.fixture
def two_parts():
    mask = np.zeros(SIZE, np.uint8)
    mask[5:12, 6:20] = 1
    mask[14:20, 3:9] = 1
    mask[7:9, 8:10] = 0  # holes have no outline
    return mask


def runs(mask):
    """Return the uncompressed counts of a mask: runs of 0 and 1 in turn, column by column."""
    flat = np.concatenate([[0], mask.ravel(order="F"), [2]])
    edges = np.flatnonzero(np.diff(flat.astype(int)))
    counts = np.diff(np.concatenate([[0], edges]))
    return [0, *counts.tolist()] if flat[1] else counts.tolist()


@pytest.mark.parametrize("form", ["compressed", "compressed bytes as text", "uncompressed"])
def test_both_kinds_of_rle_give_the_outer_contours(form, two_parts):
    encoded = coco_mask.encode(np.asfortranarray(two_parts))
    counts = {
        "compressed": encoded["counts"],
        "compressed bytes as text": encoded["counts"].decode(),
        "uncompressed": runs(two_parts),
    }[form]
    parts = read_parts({"size": list(SIZE), "counts": counts}, SIZE)
    extents = sorted((part.min(0).tolist(), part.max(0).tolist()) for part in parts)
    assert extents == [([3, 14], [8, 19]), ([6, 5], [19, 11])]


def test_the_outline_of_one_part_is_that_of_its_mask(two_parts):
    two_parts[:13] = 0
    encoded = coco_mask.encode(np.asfortranarray(two_parts))
    (part,) = read_parts({"size": list(SIZE), "counts": encoded["counts"].decode()}, SIZE)
    assert np.array_equal(part, mask_to_polygon(two_parts))


def test_polygons_are_taken_as_they_are():
    parts = read_parts([[1, 2, 3.5, 4, 5, 6], [0, 0, 9, 0, 9, 9, 0, 9]], SIZE)
    assert [part.tolist() for part in parts] == [[[1, 2], [3.5, 4], [5, 6]], [[0, 0], [9, 0], [9, 9], [0, 9]]]


def test_a_single_polygon_without_a_list_around_it_is_understood():
    assert [part.tolist() for part in read_parts([1, 2, 3, 4, 5, 6], SIZE)] == [[[1, 2], [3, 4], [5, 6]]]


@pytest.mark.parametrize("value", [None, [], {}, [[]], [[1, 2, 3, 4]], [[1, 2, 3, 4, 5, 6, 7]]])
def test_nothing_usable_gives_no_outline(value):
    assert read_parts(value, SIZE) == ()


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (5, "segmentation"),
        ([[1, 2, None, 4, 5, 6]], "segmentation[0][2]"),
        ([[1, 2, 3, 4, 5, 6], 7], "segmentation[1]"),
        ({"size": [32, 24], "counts": "0"}, "segmentation.size"),
        ({"size": "24 32", "counts": "0"}, "segmentation.size"),
        ({"size": [24, 32], "counts": "\x00"}, "segmentation.counts"),
        ({"size": [24, 32], "counts": [800]}, "segmentation.counts"),
        ({"size": [24, 32], "counts": [1.5, 3]}, "segmentation.counts"),
        ({"size": [24, 32], "counts": None}, "segmentation.counts"),
    ],
)
def test_malformed_values_are_named(value, field):
    with pytest.raises(UnusableValueError) as caught:
        read_parts(value, SIZE)
    assert caught.value.field == field


def test_a_mask_too_large_for_memory_is_refused_before_it_is_decoded():
    size = (100_000, 100_000)
    with pytest.raises(UnusableValueError, match="178,956,970 are the most"):
        read_parts({"size": list(size), "counts": "0"}, size)


CROWDS = 1  # in the good file; labels never hold them
TASKS = ("pose", "multitask", "segment", "detect")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    for name in "abc":
        cv2.imwrite(str(folder / f"{name}.png"), np.zeros((24, 32, 3), np.uint8))
    return folder


def check(path, task):
    """Read a file in both ways; return what became of it."""
    try:
        annotations = read_coco(path, task=task)
        split = read_coco_split([path], task=task)
    except PosekitError:
        return "refused"
    count = len(json.loads(path.read_bytes())["annotations"])
    read = sum(len(picture.objects) for picture in annotations.pictures)
    assert read + sum(problem.objects for problem in annotations.problems) == count
    assert split.report.objects == sum(map(len, split.pictures))
    assert split.report.objects + split.report.dropped == count
    for labels in split.pictures:
        for values in (labels.boxes, labels.keypoints, *(labels.polygons or ())):
            assert values is None or np.isfinite(values).all()
    assert all(problem.message and problem.code for problem in split.report.problems)
    json.dumps(coco_content(annotations, ProblemList("")), allow_nan=False)
    return "something left out" if split.report.dropped > CROWDS else "all read"


@pytest.mark.parametrize("seed", range(4))
def test_no_damage_crashes_or_loses_an_object(folder, seed):
    choices = random.Random(seed)
    outcomes = Counter()
    path = folder / "damaged.json"
    for _ in range(100):
        path.write_bytes(damaged_text(choices))
        outcomes[check(path, choices.choice(TASKS))] += 1
    assert min(outcomes[kind] for kind in ("refused", "all read", "something left out")) > 0
