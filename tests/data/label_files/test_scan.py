"""Pictures with their label files, read from disk."""

import os
import sys

import cv2
import numpy as np
import pytest

from posekit.data.yolo.parse import UNAVAILABLE, scan_label_files
from posekit.data.yolo.rows import LabelRule

POSE = LabelRule(task="pose", nc=1, kpt_shape=(2, 3))
DETECT = LabelRule(task="detect", nc=2)
ROW = "0 .5 .5 .4 .4 .4 .4 2 .6 .6 1\n"
OTHER_ROW = "0 .5 .5 .4 .4 .4 .4 2 .6 .6 2\n"


@pytest.fixture
def make(tmp_path):
    """Make a picture of 20x30, with a label file when there is a text for it."""

    def make_picture(name, text=None, size=(20, 30)):
        cv2.imwrite(str(tmp_path / name), np.zeros((*size, 3), np.uint8))
        if text is not None:
            (tmp_path / name).with_suffix(".txt").write_text(text)
        return str(tmp_path / name)

    return make_picture


def test_objects_backgrounds_and_corrupt_pictures_are_counted(make, tmp_path):
    pictures = [
        make("a.png", ROW + OTHER_ROW),
        make("b.png"),
        make("c.png", "\n"),
        make("d.png", ROW + ROW),
        make("e.png", ROW + "0 .5\n"),
        make("f.png", ROW + OTHER_ROW, size=(5, 30)),
        str(tmp_path / "missing.png"),
    ]
    scan = scan_label_files(pictures, POSE)
    report = scan.report
    assert [labels.path for labels in scan.pictures] == pictures[:4]
    assert [len(labels) for labels in scan.pictures] == [2, 0, 0, 1]
    assert (report.found, report.missing, report.empty, report.corrupt) == (5, 2, 1, 3)
    assert (report.objects, report.dropped) == (3, 1 + 2 + 2)
    assert [(found.code, found.objects, found.picture) for found in report.problems] == [
        ("duplicates_removed", 1, False), ("wrong_columns", 2, True), ("picture", 2, True), ("picture", 0, True),
    ]  # fmt: skip
    assert str(report.problems[2]) == (
        f"{pictures[5]}: is 30x5 pixels (width x height); both sides must have at least 10; "
        "the picture is left out with its 2 objects"
    )
    assert str(report.problems[1]).startswith(f"{tmp_path / 'e.txt'}:2:3: 2 columns, expected 11: 5 + K*D")


def test_labels_have_their_shapes_and_types(make):
    full, empty = scan_label_files([make("a.png", ROW), make("b.png")], POSE).pictures
    assert full.size == empty.size == (20, 30)
    for labels, count in ((full, 1), (empty, 0)):
        assert labels.classes.shape == (count,)
        assert labels.boxes.shape == (count, 4)
        assert labels.keypoints.shape == (count, 2, 3)
        assert (labels.classes.dtype, labels.boxes.dtype, labels.keypoints.dtype) == (np.int64, np.float32, np.float32)
        assert labels.polygons is None


def test_a_single_class_is_class_0(make):
    rule = LabelRule(task="detect", nc=1, single_cls=True)
    (labels,) = scan_label_files([make("a.png", "7 .5 .5 .4 .4\n3 .5 .5 .4 .4")], rule).pictures
    np.testing.assert_array_equal(labels.classes, [0, 0])


@pytest.mark.parametrize("task", ["segment", "multitask"])
def test_tasks_with_polygons_have_one_entry_per_object(make, task):
    rule = LabelRule(task=task, nc=2, kpt_shape=(2, 3))
    keypoints = "" if task == "segment" else ".4 .4 2 .6 .6 1 "
    texts = [ROW, "", f"0 {keypoints}.1 .1 .4 .1 .4 .5"]
    pose, empty, outlined = scan_label_files([make(f"{n}.png", t) for n, t in enumerate(texts)], rule).pictures
    assert [polygon.shape for polygon in pose.polygons] == [(0, 2)]
    assert empty.polygons == ()
    assert [polygon.shape for polygon in outlined.polygons] == [(3, 2)]


def test_label_files_lie_in_the_labels_folder(tmp_path):
    for folder in ("images/val", "labels/val"):
        (tmp_path / folder).mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "images/val/a.png"), np.zeros((20, 20, 3), np.uint8))
    (tmp_path / "labels/val/a.txt").write_text("1 .5 .5 .4 .4")
    assert scan_label_files([str(tmp_path / "images/val/a.png")], DETECT).report.objects == 1


def test_what_is_no_readable_label_file_leaves_the_picture_out(make, tmp_path):
    pictures = [make(f"{name}.png") for name in ("folder", "link")]
    (tmp_path / "folder.txt").mkdir()
    (tmp_path / "link.txt").symlink_to(tmp_path / "gone")
    report = scan_label_files(pictures, DETECT).report
    assert [found.message.split(";")[0] for found in report.problems] == [
        "is a folder",
        "is a link to a place that does not exist",
    ]
    assert (report.corrupt, report.missing, report.found) == (2, 0, 2)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_a_pipe_is_not_waited_for(make, tmp_path):
    picture = make("a.png")
    os.mkfifo(tmp_path / "a.txt")
    (problem,) = scan_label_files([picture], DETECT).report.problems
    assert problem.message.startswith("is a pipe or a device; expected a text file")


def test_a_missing_package_is_told_as_what_it_is(tmp_path, monkeypatch):
    from PIL import Image

    monkeypatch.setitem(sys.modules, "rawpy", None)
    Image.new("RGB", (40, 30)).save(tmp_path / "a.dng", "TIFF", tiffinfo={50706: bytes([1, 4, 0, 0])})
    (problem,) = scan_label_files([str(tmp_path / "a.dng")], DETECT).report.problems
    assert problem.code == UNAVAILABLE
    assert "posekit[raw]" in problem.message
