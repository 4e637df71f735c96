import json
from pathlib import Path

import pytest

from posekit.config.settings import FORMS
from posekit.data.convert.convert import FORMATS, recognise_format
from posekit.errors import DatasetError, DatasetNotFoundError

FILES = Path(__file__).parent / "files"


def test_every_word_of_form_is_a_format():
    assert tuple(FORMATS) == FORMS


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("a.xml", '<?xml version="1.0"?>\n<annotations>', "cvat"),
        ("a.json", '{"images": [], "annotations": []}', "coco"),
        ("a.json", json.dumps([{"id": 1, "annotations": [{"result": []}], "data": {}}]), "labelstudio"),
        ("a.json", json.dumps([{"id": 1, "completions": [], "data": {}}]), "labelstudio"),
        ("a.json", json.dumps([{"image": "a.png", "annotator": 1}]), "labelstudio"),
        ("a.json", "\ufeff" + json.dumps([{"img_path": "a", "joints": []}], indent=1), "stanfordextra"),
        ("a.json", "[]", "coco"),
        ("a.csv", "scorer,,,ann\n", "deeplabcut"),
        ("config.yaml", "Task: a\nbodyparts:\n- a\n", "deeplabcut"),
        ("config.yaml", "Task: a\nmultianimalbodyparts:\n- a\n", "deeplabcut"),
        ("config.yaml", "train: images\nnames: [a]\n", "yolo"),
        ("data.yml", "train: images\n", "yolo"),
    ],
)
def test_the_format_of_a_file_is_told_by_its_content(tmp_path, name, content, form):
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert recognise_format(tmp_path / name) == form


@pytest.mark.parametrize(
    ("name", "form"), [("labels.slp", "sleap"), ("single_fixed.h5", "deeplabcut"), ("single_table.h5", "deeplabcut")]
)
def test_the_format_of_hdf5_is_told_by_its_suffix(name, form):
    assert recognise_format(FILES / name) == form


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("annotations.xml", "cvat"),
        ("CollectedData_a.csv", "deeplabcut"),
        ("labeled-data/walk/CollectedData_a.csv", "deeplabcut"),
        ("data.yaml", "yolo"),
        ("train.json", "coco"),
        ("annotations/train.json", "coco"),
    ],
)
def test_the_format_of_a_folder_is_told_by_what_is_in_it(tmp_path, name, form):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).touch()
    assert recognise_format(tmp_path) == form


def test_what_cannot_be_told_is_one_clear_error(tmp_path):
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.1 0.1")
    for source in (tmp_path / "a.txt", tmp_path):
        with pytest.raises(DatasetError, match="its format cannot be told"):
            recognise_format(source)
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04rest")
    with pytest.raises(DatasetError, match="is a ZIP archive: unpack it"):
        recognise_format(tmp_path / "a.zip")
    with pytest.raises(DatasetNotFoundError):
        recognise_format(tmp_path / "b")
