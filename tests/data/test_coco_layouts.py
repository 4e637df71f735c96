import pytest

from posekit.data.coco.split import coco_file_keys, coco_folder_keys
from posekit.errors import DatasetError


@pytest.fixture
def folder(tmp_path):
    """Return a function that makes empty files below a folder, and the folder."""

    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path

    return make


def splits(folder, task="pose"):
    keys = coco_folder_keys(folder, task)
    assert keys.pop("path") == str(folder)
    return keys


def test_a_file_in_each_split_folder(folder):
    made = folder("train/_annotations.coco.json", "valid/_annotations.coco.json", "test/_annotations.coco.json")
    assert splits(made) == {split: f"{name}/_annotations.coco.json" for split, name in
                            (("train", "train"), ("val", "valid"), ("test", "test"))}  # fmt: skip


@pytest.mark.parametrize("name", ["val", "valid", "validation"])
def test_words_for_the_validation_folder(folder, name):
    assert splits(folder(f"{name}/_annotations.coco.json")) == {"val": f"{name}/_annotations.coco.json"}


FILES_OF_COCO = [
    f"annotations/{kind}_{split}2017.json"
    for kind in ("person_keypoints", "instances", "captions")
    for split in ("train", "val")
]


@pytest.mark.parametrize(
    ("task", "kind"),
    [
        ("pose", "person_keypoints"),
        ("multitask", "person_keypoints"),
        ("segment", "instances"),
        ("detect", "instances"),
    ],
)
def test_the_folder_of_coco_by_task(folder, task, kind):
    made = folder(*FILES_OF_COCO, "annotations/image_info_test2017.json", "images/a.jpg")
    assert splits(made, task) == {split: f"annotations/{kind}_{split}2017.json" for split in ("train", "val")}


@pytest.mark.parametrize(
    "name", ["ap10k-val-split1.json", "val.json", "Valid_set.json", "person_keypoints_minival.json"]
)
def test_names_of_files_tell_the_split(folder, name):
    assert splits(folder(f"annotations/{name}")) == {"val": f"annotations/{name}"}


@pytest.mark.parametrize("name", ["all.json", "training_is_fun.json", "trainval.json", "interval.json"])
def test_one_file_without_a_split_in_its_name_serves_for_both(folder, name):
    assert splits(folder(f"annotations/{name}")) == dict.fromkeys(("train", "val"), f"annotations/{name}")


def test_files_in_the_folder_itself(folder):
    assert splits(folder("labels_train.json", "labels_test.json")) == {
        "train": "labels_train.json",
        "test": "labels_test.json",
    }


def test_several_files_for_a_split_are_not_guessed_among(folder):
    made = folder("annotations/a_val.json", "annotations/b_val.json")
    with pytest.raises(DatasetError, match=r"could be the split val \(a_val.json, b_val.json\): name one .* data=FILE"):
        coco_folder_keys(made, "pose")


def test_a_folder_without_json_is_none(folder):
    assert coco_folder_keys(folder("images/a.jpg", "labels/a.txt"), "pose") is None


def test_a_file_serves_as_train_and_val(folder):
    path = folder("set/people.json") / "set" / "people.json"
    assert coco_file_keys(path) == {"path": str(path.parent), "train": "people.json", "val": "people.json"}
