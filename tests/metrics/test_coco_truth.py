"""COCO truth, found in the wild or made from labels: everything is used, mended or named, no picture is guessed."""

import contextlib
import copy
import json
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.coco_cases import official, only, random_case
from posekit.data.labels import PictureLabels
from posekit.errors import DatasetError, DatasetNotFoundError, PosekitError
from posekit.metrics.coco import coco_scores
from posekit.metrics.coco_rows import prediction_rows
from posekit.metrics.coco_truth import PictureIndex, TruthPicture, read_truth, truth_from_labels
from posekit.schema.schema import KeypointSchema

KINDS = ("bbox", "segm", "keypoints")


def truth_of(**changes):
    """Return a picture with one object of two points; a change of None takes the field away."""
    entry = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 50, 40], "area": 900, "iscrowd": 0}
    entry |= {"keypoints": [20, 20, 2, 50, 45, 1], "num_keypoints": 2}
    entry |= {"segmentation": [[10, 10, 60, 10, 60, 50]]} | changes
    entry = {key: value for key, value in entry.items() if value is not None}
    images = [{"id": 1, "width": 100, "height": 80, "file_name": "a.jpg"}]
    other = {"id": 2, "image_id": 1, "category_id": 1, "bbox": [0, 0, 5, 5], "area": 9, "keypoints": [1, 1, 2] * 2}
    other |= {"segmentation": [[0, 0, 5, 0, 5, 5]]}
    return {"images": images, "categories": [{"id": 1, "name": "p"}], "annotations": [entry, other]}


def object_of(**changes):
    truth = read_truth(truth_of(**changes), outlines=True)
    return truth.objects[1][0], truth.problems


@pytest.mark.parametrize(
    ("changes", "area"),
    [({}, 900), ({"segmentation": None}, 0.53 * 50 * 40), ({"segmentation": [[10, 10, 60, 10, 60, 50]]}, 1000)],
)
def test_a_missing_area_is_that_of_the_outline_or_0_53_of_the_box(changes, area):
    assert object_of(**(changes | {"area": None} if changes else {}))[0]["area"] == pytest.approx(area)


def test_a_missing_area_of_run_lengths_is_their_number_of_pixels():
    runs = {"size": [80, 100], "counts": [80 * 10 + 10, 30, 50, 30, 8000 - 920]}
    assert object_of(area=None, segmentation=runs)[0]["area"] == 60


def test_missing_counts_and_crowd_flags_are_computed():
    cleaned, problems = object_of(num_keypoints=None, iscrowd=None)
    assert (cleaned["num_keypoints"], cleaned["iscrowd"], problems) == (2, 0, ())
    truth, rows = random_case(4, points=2, decimals=6)
    bare = copy.deepcopy(truth)
    for entry in bare["annotations"]:
        del entry["num_keypoints"], entry["id"]
        if not entry["iscrowd"]:
            del entry["iscrowd"]
    assert coco_scores(bare, rows, kinds=KINDS, sigmas=[0.1] * 2) == coco_scores(
        truth, rows, kinds=KINDS, sigmas=[0.1] * 2
    )


def test_a_stated_number_of_keypoints_counts_as_officially():
    assert object_of(num_keypoints=0)[0]["num_keypoints"] == 0


@pytest.mark.parametrize(
    ("changes", "box"),
    [
        ({"bbox": None}, [10, 10, 50, 40]),
        ({"bbox": None, "segmentation": None}, [20, 20, 30, 25]),
        ({"bbox": None, "segmentation": {"size": [80, 100], "counts": [810, 30, 50, 30, 7080]}}, [10, 10, 2, 30]),
    ],
)
def test_a_missing_box_is_made_from_outline_or_points(changes, box):
    cleaned, problems = object_of(**changes)
    assert cleaned["bbox"] == box
    assert not [problem for problem in problems if "bbox" in problem]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"bbox": [1, 2, 3]}, "annotations[0] bbox [1, 2, 3] is not [x, y, width, height]"),
        ({"bbox": [1, 2, -3, 4]}, "annotations[0] bbox [1, 2, -3, 4] is not"),
        ({"bbox": [float("nan")] * 4}, "annotations[0] bbox [nan, nan, nan, nan] is not"),
        ({"bbox": "a" * 99}, f"annotations[0] bbox '{'a' * 39}... is not"),
        ({"area": -1}, "annotations[0] area -1 is not a number of pixels"),
        ({"area": 10**400}, "annotations[0] area a huge whole number"),
        ({"area": True}, "annotations[0] area True"),
        ({"iscrowd": "0"}, "annotations[0] iscrowd '0' is neither 0 nor 1"),
        ({"keypoints": [1, 2, 2]}, "annotations[0] keypoints are not a flat list of 6 numbers"),
        ({"keypoints": {"x": 1}}, "annotations[0] keypoints are not a flat list"),
        ({"keypoints": [1, 2, None, 4, 5, 2]}, "annotations[0] keypoints with something else than finite numbers"),
        ({"keypoints": [1, 2, 2, 1e999, 5, 2]}, "annotations[0] keypoints with something else than finite numbers"),
        ({"segmentation": [[1, 2, 3, 4]]}, "annotations[0] segmentation has 1 parts that are no list of three"),
        ({"segmentation": "polygon"}, "annotations[0] segmentation has only parts"),
        ({"segmentation": {"size": [80, 100], "counts": [9999]}}, "annotations[0] segmentation cannot be used"),
        ({"segmentation": {"counts": "abc"}}, "annotations[0] segmentation cannot be used"),
        ({"segmentation": None}, "annotations[0] has no usable segmentation: masks inside its box are ignored"),
        ({"image_id": 7}, "annotations[0] names an unknown picture: left out"),
        ({"image_id": None}, "annotations[0] names an unknown picture: left out"),
        ({"category_id": [1]}, "annotations[0] names an unknown category: left out"),
    ],
)
def test_what_cannot_be_used_is_named(changes, problem):
    problems = read_truth(truth_of(**changes), outlines=True).problems
    assert any(found.startswith(problem) for found in problems), problems


def test_an_object_that_is_nowhere_is_left_out_and_named():
    truth = read_truth(truth_of(bbox=None, keypoints=None, segmentation=None), outlines=True)
    assert len(truth.objects[1]) == 1
    assert "left out" in truth.problems[0]


def test_unusable_points_are_unlabelled_and_the_others_stay():
    cleaned, _ = object_of(keypoints=[20, 20, 2, "x", 45, 1], num_keypoints=None)
    assert cleaned["keypoints"] == [20, 20, 2, 0, 0, 0]
    assert cleaned["num_keypoints"] == 1


def test_objects_without_outline_are_neither_counted_nor_are_masks_on_them():
    truth = truth_of(segmentation=None)
    del truth["annotations"][1]
    on_it = {
        "image_id": 1,
        "category_id": 1,
        "score": 0.9,
        "segmentation": {"size": [80, 100], "counts": [820, 20, 7160]},
    }
    assert coco_scores(truth, [on_it], kinds=["segm"])["segm"].stats["AP"] == -1
    both = truth_of(segmentation=None)
    half = coco_scores(both, [on_it], kinds=["segm"])["segm"].stats
    assert (half["AP"], half["AR100"]) == (0, 0)


def test_entries_without_an_id_of_their_own_are_named():
    truth = truth_of()
    truth["images"] += [{"id": 1}, {}, "b.jpg", {"id": None}, {"id": True}]
    truth["categories"] += [{"id": 1.0}, {"name": "q"}]
    truth["annotations"] += [None, 3]
    read = read_truth(truth)
    assert len(read.problems) == 9
    assert len(read.pictures) == len(read.categories) == 1


def test_numbers_follow_the_order_of_ids():
    images = [{"id": 30}, {"id": 2.0}, {"id": 10**30}]
    read = read_truth({"images": images, "categories": [{"id": 9}, {"id": 3}], "annotations": []})
    assert [picture.identity for picture in read.pictures] == [2, 30, 10**30]
    assert read.categories == {3: 1, 9: 2}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "holds a list, expected an object"),
        ("{}", "'images' is missing, expected a list"),
        ('{"images": {}}', "'images' is a dict, expected a list"),
        ('{"images": [], "annotations": []}', "'categories' is missing"),
        ("{", "no valid JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("\udcff", "is no text"),
    ],
)
def test_files_of_another_form_are_refused_by_name(tmp_path, content, message):
    path = tmp_path / "truth.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(DatasetError, match=message) as caught:
        read_truth(path)
    assert "truth.json" in str(caught.value)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"none\.json: there is no such annotation file"):
        read_truth(tmp_path / "none.json")
    with pytest.raises(DatasetError, match="is a folder"):
        read_truth(tmp_path)


def test_masks_need_the_size_of_pictures():
    truth = truth_of()
    del truth["images"][0]["width"]
    assert read_truth(truth).pictures[0].size is None
    with pytest.raises(DatasetError, match="image 1 has no width and height, which masks need"):
        read_truth(truth, outlines=True)


HOSTILE = [None, True, -1, 0, 0.5, 10**400, -(10**20), float("nan"), float("inf"), -1e308, 1e300, "", "1", "x", [], {}]
HOSTILE += [[[]], [None], [[1, 2]], ["1"], {"size": [0, 0], "counts": "1"}, {"counts": []}, [1e308] * 6, [[9e8] * 6]]


def places(value, path=()):
    """Return the paths to all values inside JSON content."""
    inside = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
    return [(*path, key) for key, _ in inside] + [deep for key, one in inside for deep in places(one, (*path, key))]


def changed(content, path, choice):
    *outer, last = path
    for key in outer:
        content = content[key]
    if choice is KeyError:
        del content[last]
    else:
        content[last] = copy.deepcopy(choice)


@settings(max_examples=300, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1))
def test_mutated_truth_and_rows_never_crash(seed):
    draw = random.Random(seed)
    truth, rows = random_case(seed % 50, points=2, decimals=3)
    for _ in range(draw.randint(1, 4)):
        for content in (truth, rows):
            known = places(content)
            if known:
                changed(content, draw.choice(known), draw.choice([*HOSTILE, KeyError]))
    with contextlib.suppress(PosekitError):
        scores = coco_scores(json.loads(json.dumps(truth)), rows, kinds=KINDS, sigmas=[0.1] * 2)
        values = [value for result in scores.values() for value in result.stats.values()]
        assert all(value == -1 or 0 <= value <= 1 for value in values)


@settings(max_examples=60, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(KINDS))
def test_unusable_entries_beside_usable_ones_change_no_score(seed, kind):
    truth, rows = random_case(seed, points=2, decimals=6)
    sigmas = [0.1] * 2 if kind == "keypoints" else None
    expected = official(truth, only(rows, kind), kind, sigmas=sigmas).stats
    for place in (0, len(truth["annotations"]) // 2):
        truth["annotations"].insert(place, {"image_id": "nowhere", "category_id": 1})
    truth["annotations"].append({"image_id": truth["images"][0]["id"], "category_id": 1, "bbox": None})
    scores = coco_scores(truth, rows, kinds=[kind], sigmas=[0.1] * 2)[kind]
    np.testing.assert_allclose(list(scores.stats.values()), expected, rtol=0, atol=1e-12)


def index_of(*pictures):
    return PictureIndex(
        TruthPicture(number=number, identity=identity, file_name=name, size=None)
        for number, (identity, name) in enumerate(pictures, 1)
    )


INDEX = index_of((139, "val2017/000000000139.jpg"), (4, "cam1/0001.jpg"), (5, "cam2/0001.jpg"), ("x9", "c\\street.png"))


@pytest.mark.parametrize(
    ("picture", "number"),
    [
        ("/data/images/val/000000000139.jpg", 1),
        ("/data/cam1/0001.jpg", 2),
        ("cam2\\0001.jpg", 3),
        ("C:\\pictures\\street.png", 4),
        ("street", 4),
        (139, 1),
        (139.0, 1),
        ("139", 1),
        ("x9", 4),
    ],
)
def test_pictures_are_found(picture, number):
    assert INDEX.number(picture) == number


@pytest.mark.parametrize("picture", ["0001.jpg", "/other/cam3/0001.jpg"])
def test_pictures_that_several_could_be_are_refused(picture):
    with pytest.raises(DatasetError, match="could be any of 2 images of that name"):
        INDEX.number(picture)


@pytest.mark.parametrize("picture", [1, "none.jpg", "0001", "", None, 1.5])
def test_unknown_pictures_are_refused(picture):
    with pytest.raises(DatasetError, match="is not among the 4 images"):
        INDEX.number(picture)


def test_rows_with_an_ambiguous_file_name_go_by_their_id():
    assert INDEX.number_of_row("0001.jpg", 5) == 3
    assert INDEX.number_of_row("street.png", 5) == 4
    assert INDEX.number_of_row(None, "x9") == 4
    with pytest.raises(DatasetError, match="not among"):
        INDEX.number_of_row("0001.jpg", 1)


OUTLINE = np.array([[0.1, 0.1], [0.3, 0.1], [0.3, 0.5]], np.float32)
NAMES = {0: "cat", 1: "dog", 2: "bird"}
ANIMAL = KeypointSchema(shape=(2, 3), names=("nose", "tail"))


def labelled_picture(path, **more):
    return PictureLabels(
        path=path,
        size=(100, 200),
        classes=np.array([0, 2]),
        boxes=np.array([[0.2, 0.3, 0.2, 0.4], [0.5, 0.5, 0.5, 0.5]], np.float32),
        keypoints=np.array([[[0.2, 0.3, 2], [0, 0, 0]], [[0.5, 0.5, 1], [0.6, 0.6, 2]]], np.float32),
        **more,
    )


def test_labels_become_pixels():
    truth = truth_from_labels([labelled_picture("a/7.jpg", polygons=(OUTLINE, OUTLINE[:0]))], NAMES, ANIMAL)
    assert truth["images"] == [{"id": 7, "file_name": "a/7.jpg", "width": 200, "height": 100}]
    assert [(entry["id"], entry["name"]) for entry in truth["categories"]] == [(1, "cat"), (2, "dog"), (3, "bird")]
    cat, bird = truth["annotations"]
    assert cat["bbox"] == pytest.approx([20, 10, 40, 40], abs=1e-5)
    assert cat["area"] == pytest.approx(40 * 40 / 2, abs=1e-3)
    assert cat["segmentation"][0] == pytest.approx([20, 10, 60, 10, 60, 50], abs=1e-5)
    assert cat["keypoints"] == pytest.approx([40, 30, 2, 0, 0, 0], abs=1e-5)
    assert [entry["num_keypoints"] for entry in (cat, bird)] == [1, 2]
    assert [entry["category_id"] for entry in (cat, bird)] == [1, 3]
    assert [(entry["id"], entry["image_id"], entry["iscrowd"]) for entry in (cat, bird)] == [(1, 7, 0), (2, 7, 0)]
    assert bird["segmentation"] == []
    assert bird["area"] == pytest.approx(0.53 * 100 * 50)


def test_pictures_that_would_share_an_id_are_numbered():
    truth = truth_from_labels([labelled_picture("a/7.jpg"), labelled_picture("b/7.jpg")], NAMES)
    assert [image["id"] for image in truth["images"]] == [1, 2]
    assert [entry["image_id"] for entry in truth["annotations"]] == [1, 1, 2, 2]


def test_predictions_of_the_labels_score_fully_with_the_official_evaluator_too():
    rng = np.random.default_rng(0)
    pictures, rows = [], []
    for number in range(5):
        corners = rng.uniform(0, 0.5, (4, 2))
        boxes = np.hstack([corners, corners + rng.uniform(0.05, 0.375, (4, 2))])
        points = np.dstack(
            [rng.uniform(boxes[:, :2, None], boxes[:, 2:, None], (4, 2, 3)).swapaxes(1, 2), np.full((4, 3), 2)]
        )
        classes, name = rng.integers(0, 2, 4), f"street_{number}.jpg"
        centres = np.hstack([boxes[:, :2] + boxes[:, 2:], 2 * (boxes[:, 2:] - boxes[:, :2])]) / 2
        arrays = {"boxes": centres.astype(np.float32), "keypoints": points.astype(np.float32)}
        pictures.append(PictureLabels(path=name, size=(400, 400), classes=classes, **arrays))
        moved = points * [400, 400, 1] + rng.normal(0, 3, points.shape) * [1, 1, 0]
        rows += prediction_rows(name, 400 * boxes + rng.normal(0, 4, (4, 4)), rng.random(4), classes, moved)
    truth = truth_from_labels(pictures, NAMES, KeypointSchema(shape=(3, 3)))
    scores = coco_scores(truth, rows, sigmas=[0.05] * 3, area_from_box=True)
    assert 0.2 < scores["bbox"].stats["AP"] < 1
    for kind, sigmas in (("bbox", None), ("keypoints", [0.05] * 3)):
        expected = official(truth, rows, kind, sigmas=sigmas).stats
        np.testing.assert_allclose(list(scores[kind].stats.values()), expected, atol=1e-12)


def test_no_pictures_and_no_objects_are_truth_too():
    nothing = truth_from_labels([], {0: "cat"})
    assert (nothing["images"], nothing["annotations"], nothing["categories"][0]["name"]) == ([], [], "cat")
    empty = truth_from_labels([PictureLabels(path="a.jpg", size=(10, 10))], {0: "cat"})
    assert coco_scores(empty, [])["bbox"].stats["AP"] == -1
