import json

import pytest

from posekit.data.coco.split import find_truth

PICTURES = ["1.jpg", "2.jpg"]


@pytest.fixture
def root(tmp_path):
    """A data set with a picture folder for each split."""
    for folder in ("images/train2017", "images/val2017", "annotations"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def write(path, names=PICTURES, keypoints=True):
    annotation = {"id": 1, "image_id": 0, "bbox": [1, 2, 3, 4]} | ({"keypoints": [1, 2, 2]} if keypoints else {})
    images = [{"id": number, "file_name": name} for number, name in enumerate(names)]
    path.write_text(json.dumps({"images": images, "annotations": [annotation]}))
    return path


def find(root, split="val", task="pose", folder="images/val2017", pictures=PICTURES):
    names = [str(root / folder / name) for name in pictures]
    return find_truth(names, root=root, places=[root / folder], split=split, task=task)


@pytest.mark.parametrize(
    "place",
    [
        "annotations/person_keypoints_val2017.json", "person_keypoints.json", "instances_val.json", "annotations.json",
        "images/val2017/_annotations.coco.json", "images/annotations/keypoints.json",
    ],
)  # fmt: skip
def test_the_usual_places_and_names_are_looked_at(root, place):
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    truth = write(root / place)
    assert find(root) == truth


def test_a_folder_beside_the_pictures_counts_below_and_outside_the_root(root):
    truth = write(root / "images" / "keypoints.json")
    assert find_truth([str(root / "1.jpg")], root=root / "annotations", places=[root / "images/val2017"], split="val",
                      task="pose") == truth  # fmt: skip


@pytest.mark.parametrize(
    "name", ["person_keypoints_train2017.json", "instances_test.json", "captions.json", "val.json"]
)
def test_files_of_another_split_or_kind_are_passed_over(root, name):
    write(root / "annotations" / name)
    assert find(root) is None


def test_a_file_must_name_all_pictures(root):
    write(root / "keypoints.json", PICTURES[:1])
    assert find(root) is None
    truth = write(root / "annotations" / "keypoints.json", ["val2017/2.jpg", "http://x/1.jpg", "3.jpg"])
    assert find(root) == truth
    assert find(root, pictures=[*PICTURES, "4.jpg"]) is None


def test_tasks_with_keypoints_need_them_in_the_file(root):
    truth = write(root / "annotations" / "instances_val2017.json", keypoints=False)
    assert find(root) is None
    assert find(root, task="detect") == truth


def test_the_kind_that_fits_the_task_comes_first(root):
    instances = write(root / "annotations" / "instances_val2017.json")
    keypoints = write(root / "annotations" / "person_keypoints_val2017.json")
    assert find(root, task="pose") == keypoints
    assert find(root, task="segment") == instances


def test_the_file_named_like_the_folder_comes_first(root):
    write(root / "keypoints.json")
    write(root / "annotations" / "keypoints_val.json")
    truth = write(root / "annotations" / "keypoints_val2017.json")
    assert find(root) == truth


def test_the_validation_split_has_other_names(root):
    truth = write(root / "annotations" / "person_keypoints_minival2014.json")
    assert find(root) == truth
    assert find(root, split="train", folder="images/train2017") is None


def test_names_may_be_written_with_escapes(root):
    truth = write(root / "keypoints.json", ['sub/é "1".jpg', "2.jpg"])
    assert find(root, pictures=['é "1".jpg', "2.jpg"]) == truth


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"annotations": [], "keypoints": 1, "file_name": "\\ud8"}', b"\xff" * 50]
)
def test_damaged_files_are_passed_over(root, content):
    (root / "keypoints.json").write_bytes(content)
    assert find(root) is None
