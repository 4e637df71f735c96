import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from posekit.data.convert.convert import convert_labels
from posekit.data.convert.stanfordextra import read_stanfordextra
from posekit.errors import DatasetError, OutputError, SettingError

FILES = Path(__file__).parent / "files"


@pytest.fixture
def dogs(tmp_path):
    """The path of a set of two dogs with outlines."""
    folder = tmp_path / "dogs"
    (folder / "Images" / "pug").mkdir(parents=True)
    entries = []
    for number in (1, 2):
        cv2.imwrite(str(folder / "Images" / "pug" / f"{number}.png"), np.zeros((30, 40, 3), np.uint8))
        joints = [[4.0 + i, 6.0 + i / 2, float(i % 3 > 0)] for i in range(24)]
        seg = [6, 8] + [22, 8] * 29 + [30 * 10 + 16]
        entries.append(
            {"img_path": f"pug/{number}.png", "img_width": 40, "img_height": 30, "joints": joints, "seg": seg,
             "img_bbox": [0, 6, 30, 8]}
        )  # fmt: skip
    (folder / "dogs.json").write_text(json.dumps(entries))
    return folder / "dogs.json"


def names_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_label_files_appear_with_pictures_and_description(dogs, tmp_path):
    converted = convert_labels(dogs, tmp_path / "out")
    assert names_in(tmp_path / "out") == [
        "data.yaml",
        "images/train/pug/1.png",
        "images/train/pug/2.png",
        "labels/train/pug/1.txt",
        "labels/train/pug/2.txt",
    ]
    row = (tmp_path / "out/labels/train/pug/1.txt").read_text().split()
    assert len(row) == 5 + 24 * 3
    assert row[5:11] == ["0", "0", "0", "0.125", "0.216667", "2"]
    description = yaml.safe_load((tmp_path / "out/data.yaml").read_text())
    assert description["kpt_shape"] == [24, 3]
    assert description["names"] == {0: "dog"}
    assert (converted.form.name, converted.task, converted.outlines_left) == ("stanfordextra", "pose", True)


def test_coco_and_back_gives_the_same_objects(dogs, tmp_path):
    convert_labels(dogs, tmp_path / "coco", to="coco")
    assert names_in(tmp_path / "coco") == ["images/train/pug/1.png", "images/train/pug/2.png", "train.json"]
    again = convert_labels(tmp_path / "coco", tmp_path / "again", task="multitask")
    direct = convert_labels(dogs, tmp_path / "direct", task="multitask")
    assert again.written.problems == direct.written.problems == ()
    for name in ("1.txt", "2.txt"):
        rows = [
            np.array((tmp_path / folder / "labels/train/pug" / name).read_text().split(), float)
            for folder in ("again", "direct")
        ]
        np.testing.assert_allclose(*rows, atol=1e-4)


@pytest.mark.parametrize("task", ["detect", "segment", "pose", "multitask"])
def test_coco_json_of_label_files_has_all_that_they_hold(dogs, tmp_path, task):
    convert_labels(dogs, tmp_path / "yolo", task=task)
    converted = convert_labels(tmp_path / "yolo/data.yaml", tmp_path / "coco", to="coco")
    assert converted.form.name == "yolo"
    found = json.loads((tmp_path / "coco/train.json").read_text())["annotations"][0]
    original = read_stanfordextra(dogs).pictures[0].objects[0]
    if task in ("pose", "multitask"):
        np.testing.assert_allclose(found["keypoints"], original.keypoints.ravel(), atol=0.01)
    if task in ("segment", "multitask"):
        np.testing.assert_allclose(found["segmentation"], [original.parts[0].ravel()], atol=0.01)
    else:
        np.testing.assert_allclose(found["bbox"], (0, 6, 30, 8), atol=0.01)


def test_names_choose_and_order_the_keypoints(dogs, tmp_path):
    converted = convert_labels(dogs, tmp_path / "out", names=["nose", "left_eye", "right_eye", "beak"])
    description = yaml.safe_load((tmp_path / "out/data.yaml").read_text())
    assert description["kpt_names"] == ["nose", "left_eye", "right_eye", "beak"]
    assert description["flip_idx"] == [0, 2, 1, 3]
    assert [problem.code for problem in converted.written.problems] == ["missing_keypoint", "dropped_keypoint"]


def test_embedded_pictures_are_part_of_the_new_set(tmp_path):
    converted = convert_labels(FILES / "labels.pkg.slp", tmp_path / "out")
    assert converted.form.name == "sleap"
    assert [name for name in names_in(tmp_path / "out") if name.startswith("images")] == [
        "images/train/video0_frame000000.png",
        "images/train/video0_frame000002.png",
    ]
    assert cv2.imread(str(tmp_path / "out/images/train/video0_frame000000.png")).shape == (60, 80, 3)
    with pytest.raises(SettingError, match="embedded"):
        convert_labels(FILES / "labels.pkg.slp", tmp_path / "none", pictures="none")
    assert not (tmp_path / "none").exists()


def test_boxes_are_made_where_the_format_has_none(tmp_path):
    labels = tmp_path / "p" / "labeled-data" / "walk"
    labels.mkdir(parents=True)
    shutil.copyfile(FILES / "single_three_index.csv", labels / "CollectedData_ann.csv")
    for number in (1, 2, 3):
        cv2.imwrite(str(labels / f"img0{number}.png"), np.zeros((50, 60, 3), np.uint8))
    converted = convert_labels(tmp_path / "p", tmp_path / "out")
    row = (tmp_path / "out/labels/train/labeled-data/walk/img01.txt").read_text().split()
    # Points at 10, 12 and 20.5, 22: the box is wider by a tenth of its longer side, 1.05 pixels, all around.
    np.testing.assert_allclose(np.array(row[1:5], float) * (60, 50, 60, 50), (15.25, 17, 12.6, 12.1), atol=1e-3)
    assert "box_from_keypoints" in [problem.code for problem in converted.written.problems]


def test_the_task_follows_what_is_there(tmp_path):
    content = (
        '<annotations><image id="0" name="a.png" width="40" height="30">'
        '<box label="car" xtl="1" ytl="1" xbr="9" ybr="9"/>{}</image></annotations>'
    )
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((30, 40, 3), np.uint8))
    for outline, task in (("", "detect"), ('<polygon label="car" points="1,1;9,1;9,9"/>', "segment")):
        (tmp_path / "a.xml").write_text(content.format(outline))
        assert convert_labels(tmp_path / "a.xml", tmp_path / task).task == task
    with pytest.raises(DatasetError, match="no keypoints"):
        convert_labels(tmp_path / "a.xml", tmp_path / "pose", task="pose")


def test_pictures_that_are_missing_are_counted_and_nothing_is_written_without_any(dogs, tmp_path):
    (dogs.parent / "Images/pug/2.png").unlink()
    for to in ("yolo", "coco"):
        converted = convert_labels(dogs, tmp_path / to, to=to)
        assert (converted.written.pictures, converted.written.objects, converted.written.left_out) == (1, 1, 1)
        assert [problem.code for problem in converted.written.problems] == ["picture_not_found"]
    (dogs.parent / "Images/pug/1.png").unlink()
    for to in ("yolo", "coco"):
        with pytest.raises(
            DatasetError, match=r"no picture can be written, the first because: .*1\.png.* no such picture"
        ):
            convert_labels(dogs, tmp_path / f"no_{to}", to=to)
        assert not (tmp_path / f"no_{to}").exists()


def test_a_folder_that_holds_something_stays_as_it_was(dogs, tmp_path):
    for to in ("yolo", "coco"):
        with pytest.raises(OutputError, match="already holds something"):
            convert_labels(dogs, dogs.parent, to=to)
    assert names_in(dogs.parent) == ["Images/pug/1.png", "Images/pug/2.png", "dogs.json"]
