"""What results write: label text, crops, pictures, tables."""

import csv
import io
import json
import sys

import cv2
import numpy as np
import pandas
import polars
import pytest

from posekit.errors import MissingExtraError, SettingError
from posekit.files.pictures import write_picture
from posekit.results.results import Results


def test_save_txt_appends(build, tmp_path):
    path = tmp_path / "deep" / "street.txt"
    build("pose").save_txt(path)
    once = path.read_text()
    assert build("pose").save_txt(str(path)) == str(path)
    assert path.read_text() == 2 * once


def test_crops_are_enlarged_boxes_in_class_folders_and_repeats_are_numbered(build, tmp_path):
    result = build("detect")
    result.save_crop(tmp_path, "street.jpg")
    again = result.save_crop(tmp_path, "street.jpg")
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.jpg")) == sorted(
        ["bird/street-2.jpg", "bird/street.jpg"] + [f"cat/street{end}.jpg" for end in ("", "-2", "-3", "-4")]
    )
    assert len(again) == 3
    # box 10.25 12.5 90.75 100.125: 80.5 x 87.625 about (50.5, 56.3), times 1.02 plus 10, cut to whole pixels
    assert cv2.imread(str(tmp_path / "cat" / "street.jpg")).shape == (106 - 6, 96 - 4, 3)
    # box 0 0 30 40, clipped at the upper left corner
    assert cv2.imread(str(tmp_path / "cat" / "street-2.jpg")).shape == (45, 35, 3)


def test_class_names_cannot_lead_out_of_the_crop_folder(tmp_path):
    boxes = np.array([[5, 5, 20, 20, 0.9, 0], [5, 5, 20, 20, 0.9, 1]], np.float32)
    result = Results(np.zeros((32, 32, 3), np.uint8), "a.jpg", {0: "../up", 1: ".."}, boxes=boxes)
    folder = tmp_path / "crops"
    for path in result.save_crop(folder):
        assert folder.resolve() in tmp_path.joinpath(path).resolve().parents
    assert sorted(path.name for path in folder.iterdir()) == ["unnamed", "up"]


def test_save_writes_the_drawing_and_makes_folders(build, tmp_path):
    path = tmp_path / "a" / "b" / "out.png"
    result = build("multitask")
    assert result.save(path, labels=False) == str(path)
    np.testing.assert_array_equal(cv2.imread(str(path)), result.plot(labels=False))
    assert [entry.name for entry in path.parent.iterdir()] == ["out.png"]


@pytest.mark.parametrize(
    ("source", "name"),
    [("dir/street.jpg", "results_street.jpg"), ("http://x.org/bus.jpg?a=1", "results_bus.jpg"), ("0", "results_0.jpg")],
)
def test_save_without_a_name_is_named_after_the_source(build, tmp_path, monkeypatch, source, name):
    monkeypatch.chdir(tmp_path)
    result = build("pose")
    result.path = source
    assert result.save() == name
    assert (tmp_path / name).is_file()
    (tmp_path / name).unlink()
    result.plot(save=True)
    assert (tmp_path / name).is_file()


def test_unknown_picture_formats_are_refused(tmp_path):
    with pytest.raises(SettingError, match=r"'\.xyz'; use \.jpg"):
        write_picture(tmp_path / "a.xyz", np.zeros((4, 4, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_failed_writing_leaves_the_old_picture_and_no_rest(tmp_path):
    target = tmp_path / "taken.png"
    target.mkdir()
    with pytest.raises(OSError, match=r"taken\.png"):
        write_picture(target, np.zeros((4, 4, 3), np.uint8))
    assert [entry.name for entry in tmp_path.iterdir()] == ["taken.png"]


def test_csv_quotes_names_with_commas_and_keeps_other_alphabets():
    boxes = np.array([[1, 2, 3, 4, 0.5, 0]], np.float32)
    result = Results(np.zeros((8, 8, 3), np.uint8), "a.jpg", {0: 'кот, "big"'}, boxes=boxes)
    header, row = csv.reader(io.StringIO(result.to_csv()))
    assert header == ["name", "class", "confidence", "box"]
    assert row == ['кот, "big"', "0", "0.5", "{'x1': 1.0, 'y1': 2.0, 'x2': 3.0, 'y2': 4.0}"]
    assert '"кот, \\"big\\""' in result.to_json()


def test_no_detections_give_empty_tables(build):
    assert build("empty").to_json() == "[]"
    assert build("empty").to_csv() == ""
    assert build("empty").to_df().shape == (0, 0)


def test_tables_take_the_arguments_of_summary(build, recorded):
    expected = recorded["track"]["summary_normalized"]
    assert json.loads(build("track").to_json(normalize=True, decimals=3)) == expected
    assert "0.051" in build("track").to_csv(normalize=True, decimals=3)
    assert build("track").to_df(normalize=True, decimals=3).to_dicts() == expected


def test_data_frame_is_of_polars_where_it_is_installed(build, recorded):
    frame = build("multitask").to_df()
    assert isinstance(frame, polars.DataFrame)
    assert frame.columns == ["name", "class", "confidence", "box", "segments", "keypoints"]
    assert frame.to_dicts() == recorded["multitask"]["summary"]


def test_data_frame_is_of_pandas_without_polars(build, recorded, monkeypatch):
    hide_packages(monkeypatch, "polars")
    frame = build("pose").to_df()
    assert isinstance(frame, pandas.DataFrame)
    assert frame.to_dict("records") == recorded["pose"]["summary"]


def test_data_frame_without_either_package_names_the_extra(build, monkeypatch):
    hide_packages(monkeypatch, "polars", "pandas")
    with pytest.raises(MissingExtraError, match=r"posekit\[polars\]"):
        build("pose").to_df()


def hide_packages(monkeypatch, *names):
    """Make imports of the packages fail as they do where these are not installed."""
    for name in names:
        monkeypatch.setitem(sys.modules, name, None)
