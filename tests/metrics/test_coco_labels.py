"""COCO truth made from labels scores like the same truth written by hand."""

import numpy as np
import pytest

from metrics.coco_cases import official
from posekit.data.labels import PictureLabels
from posekit.metrics.coco import coco_scores
from posekit.metrics.coco_rows import prediction_rows
from posekit.metrics.coco_truth import PictureObjects, truth_from_arrays, truth_from_labels

OUTLINE = np.array([[0.1, 0.1], [0.3, 0.1], [0.3, 0.5]], np.float32)


def picture(path, **more):
    return PictureLabels(
        path=path,
        size=(100, 200),
        classes=np.array([0, 2]),
        boxes=np.array([[0.2, 0.3, 0.2, 0.4], [0.5, 0.5, 0.5, 0.5]], np.float32),
        keypoints=np.array([[[0.2, 0.3, 2], [0, 0, 0]], [[0.5, 0.5, 1], [0.6, 0.6, 2]]], np.float32),
        **more,
    )


NAMES = {0: "cat", 1: "dog", 2: "bird"}


def test_labels_become_pixels():
    truth = truth_from_labels([picture("a/7.jpg", polygons=(OUTLINE, OUTLINE[:0]))], NAMES)
    assert truth["images"] == [{"id": 7, "file_name": "a/7.jpg", "width": 200, "height": 100}]
    assert truth["categories"] == [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}, {"id": 3, "name": "bird"}]
    cat, bird = truth["annotations"]
    assert cat["bbox"] == pytest.approx([20, 10, 40, 40], abs=1e-5)
    assert cat["area"] == pytest.approx(40 * 40 / 2, abs=1e-3)
    assert cat["segmentation"][0] == pytest.approx([20, 10, 60, 10, 60, 50], abs=1e-5)
    assert cat["keypoints"] == pytest.approx([40, 30, 2, 0, 0, 0], abs=1e-5)
    assert [entry["num_keypoints"] for entry in (cat, bird)] == [1, 2]
    assert [entry["category_id"] for entry in (cat, bird)] == [1, 3]
    assert [(entry["id"], entry["image_id"], entry["iscrowd"]) for entry in (cat, bird)] == [(1, 7, 0), (2, 7, 0)]
    assert "segmentation" not in bird
    assert bird["area"] == pytest.approx(0.53 * 100 * 50)


def test_pictures_that_would_share_an_id_are_numbered():
    truth = truth_from_labels([picture("a/7.jpg"), picture("b/7.jpg")], NAMES, category_ids={0: 9, 1: 8, 2: 7})
    assert [image["id"] for image in truth["images"]] == [1, 2]
    assert [entry["image_id"] for entry in truth["annotations"]] == [1, 1, 2, 2]
    assert [entry["category_id"] for entry in truth["annotations"]] == [9, 7, 9, 7]


def test_predictions_of_the_labels_score_fully_with_the_official_evaluator_too():
    rng = np.random.default_rng(0)
    pictures, rows = [], []
    for number in range(5):
        corners = rng.uniform(0, 200, (4, 2))
        boxes = np.hstack([corners, corners + rng.uniform(20, 150, (4, 2))])
        points = np.dstack(
            [rng.uniform(boxes[:, :2, None], boxes[:, 2:, None], (4, 2, 3)).swapaxes(1, 2), np.ones((4, 3))]
        )
        classes, name = rng.integers(0, 2, 4), f"street_{number}.jpg"
        pictures.append(PictureObjects(file_name=name, size=(400, 400), classes=classes, boxes=boxes, keypoints=points))
        moved = points + rng.normal(0, 3, points.shape) * [1, 1, 0]
        rows += prediction_rows(name, boxes + rng.normal(0, 4, (4, 4)), rng.random(4), classes, moved)
    truth = truth_from_arrays(pictures, NAMES)
    scores = coco_scores(truth, rows, sigmas=[0.05] * 3, area_from_box=True)
    assert 0.2 < scores["bbox"].stats["AP"] < 1
    for kind, sigmas in (("bbox", None), ("keypoints", [0.05] * 3)):
        expected = official(truth, rows, kind, sigmas=sigmas).stats
        np.testing.assert_allclose(list(scores[kind].stats.values()), expected, atol=1e-12)


def test_no_pictures_and_no_objects_are_truth_too():
    assert truth_from_labels([], {0: "cat"}) == {
        "images": [],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [],
    }
    empty = truth_from_labels([PictureLabels(path="a.jpg", size=(10, 10))], {0: "cat"})
    assert coco_scores(empty, [])["bbox"].stats["AP"] == -1
