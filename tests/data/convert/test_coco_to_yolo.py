"""COCO JSON to label files: the recorded texts, the pictures beside them, and nothing half done."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from posekit.data.coco.split import split_name
from posekit.data.convert.convert import coco_to_yolo
from posekit.errors import DatasetError, DatasetNotFoundError, OutputError, UnknownChoiceError

GOLDEN = Path(__file__).parents[2] / "golden" / "train" / "data_coco.npz"
MODES = {
    "box91": ("detect", "coco80"),
    "box_raw": ("detect", "id"),
    "segments": ("segment", "coco80"),
    "keypoints": ("pose", "coco80"),
}


def label_texts(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.txt"))
    }


@pytest.mark.parametrize("mode", MODES)
def test_label_files_are_the_recorded_texts(mode, tmp_path):
    with np.load(GOLDEN) as golden:
        source = tmp_path / "instances_val.json"
        source.write_text(str(golden["coco/json"]), encoding="utf-8")
        start = f"coco/{mode}/"
        wanted = {key.removeprefix(start): str(golden[key]) for key in golden.files if key.startswith(start)}
    task, numbers = MODES[mode]
    coco_to_yolo(source, tmp_path / "out", task=task, class_numbers=numbers, pictures="none")
    assert label_texts(tmp_path / "out" / "labels" / "val") == wanted


def small_set(folder, name="person_keypoints_val2017.json", pictures=("a.png",), **changes):
    """Write a COCO set of one object per picture."""
    images = []
    for number, picture in enumerate(pictures, 1):
        path = folder / "images" / picture
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((24, 32, 3), number, np.uint8))
        images.append({"id": number, "file_name": picture, "width": 32, "height": 24})
    annotations = [
        {"id": i, "image_id": i, "category_id": 1, "bbox": [2, 3, 20, 15], "keypoints": [4, 6, 2, 8, 12, 1]}
        for i in range(1, len(images) + 1)
    ]
    categories = [{"id": 1, "name": "hand", "keypoints": ["left", "right"], "skeleton": [[1, 2]]}]
    data = {"images": images, "annotations": annotations, "categories": categories} | changes
    path = folder / "annotations" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


ROW = "0 0.375 0.4375 0.625 0.625 0.125 0.25 2 0.25 0.5 1\n"


def test_a_data_set_with_pictures_labels_and_yaml_appears(tmp_path):
    written = coco_to_yolo(small_set(tmp_path / "coco"), tmp_path / "out")
    assert written.path == tmp_path / "out" / "data.yaml"
    assert (written.pictures, written.objects, written.left_out, written.problems) == (1, 1, 0, ())
    assert label_texts(tmp_path / "out") == {"labels/val/a.txt": ROW}
    assert yaml.safe_load(written.path.read_text(encoding="utf-8")) == {
        "path": ".",
        "train": "images/val",
        "val": "images/val",
        "names": {0: "hand"},
        "kpt_shape": [2, 3],
        "kpt_names": ["left", "right"],
        "skeleton": [[0, 1]],
        "flip_idx": [1, 0],
        "flip_idx_ud": [1, 0],
    }


def test_a_split_that_stands_in_for_another_is_told(tmp_path):
    written = coco_to_yolo(small_set(tmp_path / "coco"), tmp_path / "out")
    assert written.path.read_text(encoding="utf-8").startswith("# There was no split train: val stands in.")
    small_set(tmp_path / "coco", "person_keypoints_train2017.json")
    written = coco_to_yolo(tmp_path / "coco", tmp_path / "both")
    assert "#" not in written.path.read_text(encoding="utf-8")


@pytest.mark.parametrize(("how", "same"), [("link", True), ("copy", False)])
def test_pictures_are_linked_or_copied(how, same, tmp_path):
    coco_to_yolo(small_set(tmp_path / "coco"), tmp_path / "out", pictures=how)
    source, target = tmp_path / "coco" / "images" / "a.png", tmp_path / "out" / "images" / "val" / "a.png"
    assert source.samefile(target) == same
    assert source.read_bytes() == target.read_bytes()


def test_a_symbolic_link_is_followed(tmp_path):
    path = small_set(tmp_path / "coco")
    link = tmp_path / "coco" / "images" / "a.png"
    link.rename(tmp_path / "real.png")
    link.symlink_to(tmp_path / "real.png")
    coco_to_yolo(path, tmp_path / "out")
    target = tmp_path / "out" / "images" / "val" / "a.png"
    assert not target.is_symlink()
    assert target.samefile(tmp_path / "real.png")


def test_without_pictures_none_need_exist(tmp_path):
    path = small_set(tmp_path / "coco")
    (tmp_path / "coco" / "images" / "a.png").unlink()
    written = coco_to_yolo(path, tmp_path / "out", pictures="none")
    assert written.objects == 1
    assert not (tmp_path / "out" / "images").exists()


def test_a_picture_that_is_missing_is_left_out_and_counted(tmp_path):
    path = small_set(tmp_path / "coco", pictures=("a.png", "b.png"))
    (tmp_path / "coco" / "images" / "a.png").unlink()
    written = coco_to_yolo(path, tmp_path / "out")
    assert (written.pictures, written.objects, written.left_out) == (1, 1, 1)
    assert written.problems[0].place == "a.png"


def test_names_that_would_leave_the_folder_or_clash_are_changed_and_told(tmp_path):
    names = ("sub/a.png", "sub/a.jpg", "../images/b.png", "images/c.png")
    path = small_set(tmp_path / "coco", pictures=names)
    written = coco_to_yolo(path, tmp_path / "out")
    assert list(label_texts(tmp_path / "out" / "labels" / "val")) == ["b.txt", "c.txt", "sub/a-2.txt", "sub/a.txt"]
    assert (tmp_path / "out" / "images" / "val" / "sub" / "a-2.jpg").is_file()
    assert [(problem.code, problem.place) for problem in written.problems] == [("renamed_picture", "sub/a.jpg")]


def test_pictures_that_yolo_folders_do_not_know_are_left_out_and_counted(tmp_path):
    path = small_set(tmp_path / "coco", pictures=("a.png", "b.png"))
    data = json.loads(path.read_text(encoding="utf-8"))
    data["images"][1]["file_name"] = "b.xyz"
    (tmp_path / "coco" / "images" / "b.png").rename(tmp_path / "coco" / "images" / "b.xyz")
    path.write_text(json.dumps(data), encoding="utf-8")
    written = coco_to_yolo(path, tmp_path / "out")
    assert (written.pictures, written.left_out) == (1, 1)
    assert [problem.code for problem in written.problems] == ["unknown_suffix"]


def test_multitask_rows_have_no_box_beside_an_outline(tmp_path):
    path = small_set(tmp_path / "coco")
    data = json.loads(path.read_text(encoding="utf-8"))
    first = data["annotations"][0]
    data["categories"].append({"id": 2, "name": "stone"})
    outline = {"segmentation": [[8, 6, 16, 6, 16, 12]]}
    data["annotations"] += [first | outline, first | outline | {"category_id": 2, "keypoints": []}]
    path.write_text(json.dumps(data), encoding="utf-8")
    written = coco_to_yolo(path, tmp_path / "out", task="multitask")
    assert label_texts(tmp_path / "out")["labels/val/a.txt"].splitlines() == [
        ROW.strip(),
        "0 0.125 0.25 2 0.25 0.5 1 0.25 0.25 0.5 0.25 0.5 0.5",
        "1 0.25 0.25 0.5 0.25 0.5 0.5",
    ]
    keys = yaml.safe_load(written.path.read_text(encoding="utf-8"))
    assert keys["layout"] == "keypoints_polygon"
    assert keys["kpt_names"] == {0: ["left", "right"]}


def test_nothing_appears_when_the_conversion_fails(tmp_path):
    path = small_set(tmp_path / "coco", annotations=[], images=[])
    with pytest.raises(DatasetError, match="no picture to write"):
        coco_to_yolo(path, tmp_path / "out")
    with pytest.raises(UnknownChoiceError, match="link, copy, none"):
        coco_to_yolo(small_set(tmp_path / "coco"), tmp_path / "out", pictures="move")
    with pytest.raises(UnknownChoiceError, match="rank, coco80, id"):
        coco_to_yolo(small_set(tmp_path / "coco"), tmp_path / "out", class_numbers="91")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    path = small_set(tmp_path / "coco")
    with pytest.raises(OutputError, match="already holds something"):
        coco_to_yolo(path, tmp_path / "coco")


def test_the_coco_files_of_a_folder_are_found(tmp_path):
    for split in ("train", "valid"):
        small_set(tmp_path / "set" / split).rename(tmp_path / "set" / split / "_annotations.coco.json")
    written = coco_to_yolo(tmp_path / "set", tmp_path / "out")
    assert written.pictures == 2
    assert sorted(path.name for path in (tmp_path / "out" / "images").iterdir()) == ["train", "val"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetNotFoundError, match="holds no JSON"):
        coco_to_yolo(tmp_path / "empty", tmp_path / "out2")
    with pytest.raises(DatasetNotFoundError, match="no such file or folder"):
        coco_to_yolo(tmp_path / "nowhere", tmp_path / "out2")


def test_two_files_of_one_split_are_refused(tmp_path):
    small_set(tmp_path / "set")
    small_set(tmp_path / "set", "instances_val2017.json")
    with pytest.raises(DatasetError, match="two files would become the split val"):
        coco_to_yolo(tmp_path / "set", tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("person_keypoints_train2017.json", "train"),
        ("instances_val2017.json", "val"),
        ("my_valid.json", "val"),
        ("coco-test-dev.json", "test"),
        ("valid/_annotations.coco.json", "val"),
        ("instances_default.json", "default"),
        ("latest.json", "latest"),
    ],
)
def test_the_split_is_told_by_the_name(name, split):
    assert split_name(Path("x") / name) == split
