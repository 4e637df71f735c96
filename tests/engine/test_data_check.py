"""A data set with planted mistakes: each is found, shown in the report and said on the console."""

import re
import shutil

import pytest
import yaml

from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_yolo_dataset
from posekit.engine.data_check import check_dataset, console_lines, write_report

SCENES = SceneSettings(size=(160, 160))


@pytest.fixture
def people(tmp_path):
    return write_yolo_dataset(tmp_path / "people", train=12, val=3, settings=SCENES)


def codes(check):
    return {finding.code for finding in check.findings}


def rewrite(path, change):
    rows = [line.split() for line in path.read_text().splitlines()]
    path.write_text("".join(" ".join(change(row)) + "\n" for row in rows))


def test_drawn_people_are_free_of_errors(here, people):
    check = check_dataset(str(people))
    assert check.errors == 0
    assert {name: len(split.pictures) for name, split in check.splits.items()} == {"train": 12, "val": 3}
    assert not codes(check) & {"swapped_sides", "mixed_names", "leakage", "duplicate_pictures", "unused_keypoints"}


def test_a_picture_in_both_splits_is_a_leak(here, people):
    shutil.copy(people.parent / "images/train/000004.jpg", people.parent / "images/val/copy.jpg")
    check = check_dataset(str(people))
    (leak,) = (finding for finding in check.findings if finding.code == "leakage")
    assert check.errors >= 1
    assert {example.split for example in leak.examples} == {"train", "val"}


def test_a_point_without_any_label_is_named(here, people):
    def forget_nose(row):
        return [*row[:5], "0", "0", "0", *row[8:]]

    for path in people.parent.glob("labels/*/*.txt"):
        rewrite(path, forget_nose)
    (unused,) = (finding for finding in check_dataset(str(people)).findings if finding.code == "unused_keypoints")
    assert "nose" in unused.title


def test_what_the_reader_left_out_is_in_the_report(here, people, tmp_path):
    path = people.parent / "labels/train/000001.txt"
    path.write_text(path.read_text() + "0 0.5 x 0.1 0.1\n")
    check = check_dataset(str(people))
    assert check.problems
    assert check.errors
    write_report(check, tmp_path / "report.html")
    assert "000001.txt" in (tmp_path / "report.html").read_text()


def test_the_report_is_one_file_that_shows_every_finding(here, people, tmp_path):
    shutil.copy(people.parent / "images/train/000004.jpg", people.parent / "images/val/<b>copy.jpg")
    check = check_dataset(str(people))
    write_report(check, tmp_path / "out" / "report.html")
    page = (tmp_path / "out" / "report.html").read_text()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["report.html"]
    assert "<b>copy" not in page
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    for finding in check.findings:
        assert finding.title.split("(")[0].strip() in page


def test_objects_in_question_are_cut_out_for_the_report(here, people, tmp_path):
    path = people.parent / "labels/train/000001.txt"
    first, *others = (row.split() for row in path.read_text().splitlines())
    twin = [first[0], str(float(first[1]) + 0.002), *first[2:]]
    far = [*first[:5], "0.001", "0.001", "2", *first[8:]]  # its nose lies in a corner of the picture
    path.write_text("".join(" ".join(row) + "\n" for row in (far, twin, *others)))
    check = check_dataset(str(people))
    assert {"duplicate_objects", "points_outside_box"} <= codes(check)
    write_report(check, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "train/000001.jpg: labelled twice" in page
    assert page.count("data:image/jpeg;base64") >= 2


def test_a_missing_test_split_is_a_warning_and_the_same_pictures_are_checked_once(here, people, caplog):
    content = yaml.safe_load(people.read_text()) | {"val": "images/train", "test": "images/nowhere"}
    people.write_text(yaml.safe_dump(content))
    with caplog.at_level("INFO", "posekit"):
        check = check_dataset(str(people))
    assert list(check.splits) == ["train"]
    assert "val has the same pictures as another split, and is checked with it" in caplog.messages
    assert any("nowhere" in message for message in caplog.messages)


def test_the_console_says_counts_and_findings(here, people):
    shutil.copy(people.parent / "images/train/000004.jpg", people.parent / "images/val/copy.jpg")
    lines = console_lines(check_dataset(str(people)))
    assert lines[0].startswith("train: 12 pictures")
    assert any(line.startswith("ERROR 1 picture stands in several splits") for line in lines)


@pytest.mark.parametrize("task", ["detect", "segment"])
def test_data_sets_without_keypoints_are_checked_too(here, tmp_path, task):
    (tmp_path / "set.yaml").write_text("figures: {train: 3, val: 2, imgsz: 160}\n")
    check = check_dataset(str(tmp_path / "set.yaml"), task=task)
    assert check.errors == 0
    assert check.schema is None
    write_report(check, tmp_path / "report.html")
    assert "train" in (tmp_path / "report.html").read_text()
