"""Categories of one file with different numbers of points."""

import json

import numpy as np
import pytest

from posekit.data.coco.read import read_coco
from posekit.errors import DatasetError


def content(cat_points, fish_points):
    names = ["nose", "tail", "ear"]
    categories = [{"id": 1, "name": "cat", "keypoints": names}, {"id": 2, "name": "fish", "keypoints": names[:2]}]
    entries = [
        {"id": number, "image_id": 1, "category_id": number, "bbox": [1, 1, 8, 8], "keypoints": [5, 6, 2] * points}
        for number, points in ((1, cat_points), (2, fish_points))
    ]
    images = [{"id": 1, "file_name": "a.jpg", "width": 10, "height": 10}]
    return {"images": images, "annotations": entries, "categories": categories}


def read(tmp_path, data):
    path = tmp_path / "set.json"
    path.write_text(json.dumps(data))
    return read_coco(path, task="multitask", find_pictures=False)


@pytest.mark.parametrize("fish_points", [2, 3])
def test_lists_of_a_category_with_fewer_points_are_padded(tmp_path, fish_points):
    answer = read(tmp_path, content(3, fish_points))
    cat, fish = answer.pictures[0].objects
    assert answer.schema.class_points == (3, 2)
    assert cat.keypoints[:, 2].tolist() == [2, 2, 2]
    assert len(fish.keypoints) == 3
    np.testing.assert_array_equal(fish.keypoints[:2], [[5, 6, 2], [5, 6, 2]])


def test_a_list_of_a_length_that_no_category_has_is_left_out_and_named(tmp_path):
    answer = read(tmp_path, content(2, 2))
    assert [found.label for found in answer.pictures[0].objects] == [1]
    assert any(problem.code == "wrong_keypoint_count" for problem in answer.problems)
    with pytest.raises(DatasetError, match="fits the 3 points"):
        read(tmp_path, content(5, 5))
