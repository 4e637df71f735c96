"""Between YOLO and COCO, both ways, nothing changes but roundings."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings

from data.convert.sets import annotation_sets
from posekit.data.coco.read import read_coco
from posekit.data.coco.split import read_coco_split
from posekit.data.coco.write import write_coco
from posekit.data.convert.convert import coco_to_yolo, yolo_to_coco
from posekit.data.yolo.write import write_yolo
from posekit.errors import DatasetKeyError, OutputError

# Label files have six significant digits, JSON files thousandths of a pixel.
PIXELS = 2e-3


def with_pictures(annotations, folder):
    """Return the annotations with a picture file each."""
    pictures = []
    for picture in annotations.pictures:
        path = folder / picture.file_name
        cv2.imwrite(str(path), np.zeros((*picture.size, 3), np.uint8))
        pictures.append(replace(picture, path=path))
    return replace(annotations, pictures=tuple(pictures))


def assert_same_objects(first, second, parts):
    assert [picture.size for picture in first.pictures] == [picture.size for picture in second.pictures]
    for picture, other in zip(first.pictures, second.pictures, strict=True):
        assert Path(picture.file_name).name == Path(other.file_name).name
        for mine, theirs in zip(picture.objects, other.objects, strict=True):
            assert mine.label == theirs.label
            assert np.allclose(mine.box, theirs.box, atol=PIXELS)
            assert np.allclose(mine.keypoints[:, :2], theirs.keypoints[:, :2], atol=PIXELS)
            assert np.array_equal(mine.keypoints[:, 2], theirs.keypoints[:, 2])
            for part, other_part in zip(mine.parts if parts else (), theirs.parts, strict=True):
                assert np.allclose(part, other_part, atol=PIXELS)


@given(annotation_sets())
@settings(max_examples=40)
def test_coco_json_gives_back_what_was_written(annotations):
    with tempfile.TemporaryDirectory() as folder:
        write_coco(annotations, Path(folder) / "x.json")
        back = read_coco(Path(folder) / "x.json", task="multitask", find_pictures=False)
    assert (back.names, back.schema) == (annotations.names, annotations.schema)
    assert [picture.image_id for picture in back.pictures] == [picture.image_id for picture in annotations.pictures]
    assert_same_objects(annotations, back, parts=True)
    assert back.problems == ()


@given(annotation_sets())
@settings(max_examples=30)
def test_coco_to_yolo_to_coco_keeps_everything(annotations):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        annotations = with_pictures(annotations, folder)
        write_coco(annotations, folder / "val.json")
        forth = coco_to_yolo(folder / "val.json", folder / "yolo")
        back = yolo_to_coco(forth.path, folder / "coco", splits=["val"])["val"]
        again = read_coco(back.path, image_dirs=[folder / "yolo"])
        direct = read_coco_split([folder / "val.json"])
    assert forth.left_out == back.left_out == 0
    assert (again.names, again.schema) == (annotations.names, annotations.schema)
    assert_same_objects(annotations, again, parts=False)
    assert all(picture.path is not None for picture in again.pictures)
    assert [len(labels) for labels in direct.pictures] == [len(picture.objects) for picture in again.pictures]


@given(annotation_sets())
@settings(max_examples=30)
def test_yolo_to_coco_to_yolo_keeps_the_label_files(annotations):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        written = write_yolo({"val": with_pictures(annotations, folder)}, folder / "1", task="pose")
        json_file = yolo_to_coco(written.path, folder / "json", splits=["val"])["val"].path
        coco_to_yolo(json_file, folder / "2", image_dirs=[folder / "1"])
        places = folder / "1/labels/val", folder / "2/labels/val/val"
        first, second = ({path.name: path.read_text(encoding="utf-8") for path in place.glob("*")} for place in places)
    assert first.keys() == second.keys()
    for key, text in first.items():
        rows, again = (np.loadtxt(content.splitlines(), ndmin=2) for content in (text, second[key]))
        assert np.allclose(rows, again, atol=1e-4)  # a thousandth of a pixel of a picture of ten


@given(annotation_sets())
@settings(max_examples=20)
def test_multitask_label_files_keep_keypoints_and_outlines(annotations):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        annotations = with_pictures(annotations, folder)
        written = write_yolo({"val": annotations}, folder / "yolo", task="multitask")
        back = yolo_to_coco(written.path, folder / "json", task="multitask", splits=["val"])["val"]
        again = read_coco(back.path, task="multitask", find_pictures=False)
    for picture, other in zip(annotations.pictures, again.pictures, strict=True):
        for mine, theirs in zip(picture.objects, other.objects, strict=True):
            assert mine.label == theirs.label
            assert np.allclose(mine.keypoints, theirs.keypoints, atol=PIXELS)
            assert len(theirs.parts) == min(len(mine.parts), 1)
            corners = np.concatenate(mine.parts) if mine.parts else np.reshape(mine.box, (2, 2))
            assert np.allclose(theirs.box, (*corners.min(0), *corners.max(0)), atol=PIXELS)


@pytest.fixture
def yolo_set(tmp_path):
    folder = tmp_path / "set"
    for split, label in (("train", "0 0.5 0.5 0.25 0.5 0.5 0.5 2\n"), ("val", "0 0.5 0.5 2 3\n")):
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True)
        cv2.imwrite(str(folder / "images" / split / "a.png"), np.zeros((20, 40, 3), np.uint8))
        (folder / "labels" / split / "a.txt").write_text(label, encoding="utf-8")
    text = "train: images/train\nval: images/val\nnames: [cat]\nkpt_shape: [1, 3]\nkpt_names: [nose]\n"
    (folder / "data.yaml").write_text(text, encoding="utf-8")
    return folder


def test_every_split_becomes_a_file_with_names_from_the_root(yolo_set, tmp_path):
    (yolo_set / "labels" / "val" / "a.txt").unlink()
    written = yolo_to_coco(yolo_set / "data.yaml", tmp_path / "out")
    assert {split: answer.path for split, answer in written.items()} == {
        "train": tmp_path / "out" / "train.json",
        "val": tmp_path / "out" / "val.json",
    }
    content = json.loads(written["train"].path.read_text(encoding="utf-8"))
    assert content == {
        "images": [{"id": 1, "file_name": "images/train/a.png", "height": 20, "width": 40}],
        "annotations": [
            {
                "id": 1, "image_id": 1, "category_id": 1, "bbox": [15.0, 5.0, 10.0, 10.0], "area": 100.0, "iscrowd": 0,
                "segmentation": [], "keypoints": [20.0, 10.0, 2], "num_keypoints": 1,
            }
        ],
        "categories": [{"id": 1, "name": "cat", "supercategory": "cat", "keypoints": ["nose"], "skeleton": []}],
    }  # fmt: skip


def test_what_label_files_lose_is_in_the_answer(yolo_set, tmp_path):
    (yolo_set / "images" / "val" / "b.png").write_bytes((yolo_set / "images" / "val" / "a.png").read_bytes())
    answer = yolo_to_coco(yolo_set / "data.yaml", tmp_path / "out", splits=["val"])["val"]
    assert (answer.pictures, answer.objects, answer.left_out) == (1, 0, 1)


def test_unknown_splits_and_full_folders_are_refused(yolo_set, tmp_path):
    with pytest.raises(DatasetKeyError, match="no split 'test'"):
        yolo_to_coco(yolo_set / "data.yaml", tmp_path / "out", splits=["test"])
    assert not (tmp_path / "out").exists()
    with pytest.raises(OutputError, match="already holds something"):
        yolo_to_coco(yolo_set / "data.yaml", yolo_set, splits=["train"])
