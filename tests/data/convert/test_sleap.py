import json
import shutil
import sys
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

from posekit.data.convert.sleap import read_sleap
from posekit.errors import DatasetError, DatasetNotFoundError, MissingExtraError

FILES = Path(__file__).parent / "files"
NODES = ("head", "left wing", "right wing", "tail")
FIRST = [[[10, 12, 2], [5, 6, 2], [0, 0, 0], [30, 40.5, 2]], [[20, 22, 2], [15, 16, 2], [1, 2, 2], [0, 0, 0]]]
SECOND = [[[11, 12, 2], [5, 6, 2], [7, 8, 2], [30, 40, 2]]]


def keypoints(picture):
    return [thing.keypoints.tolist() for thing in picture.objects]


@pytest.fixture
def package(tmp_path):
    """Return a function that copies a file, lets one change it, and reads it."""

    def read(change=lambda file: None, name="labels.pkg.slp"):
        path = tmp_path / name
        shutil.copyfile(FILES / name, path)
        with h5py.File(path, "r+") as file:
            change(file)
        return read_sleap(path, extracted=tmp_path / "extracted")

    return read


def replaced(name, change):
    """Return a change that writes a stored table anew."""

    def rewrite(file):
        table = file[name][()]
        del file[name]
        file.create_dataset(name, data=change(table))

    return rewrite


def test_a_package_gives_labels_and_writes_its_pictures_to_files(package, tmp_path):
    annotations = package()
    assert annotations.names == {0: "fly"}
    assert annotations.schema.names == NODES
    assert annotations.schema.skeleton == ((0, 3),)
    assert annotations.schema.flip_idx == (0, 2, 1, 3)
    first, second = annotations.pictures
    assert (keypoints(first), keypoints(second)) == (FIRST, SECOND)
    assert first.path == tmp_path / "extracted" / "video0_frame000000.png"
    picture = cv2.imread(str(first.path))
    assert first.size == picture.shape[:2] == (60, 80)
    assert picture[0, 0].tolist() == [0, 0, 200]
    assert picture[12, 12].tolist() == [255, 0, 0]


def test_predictions_are_no_labels_and_are_counted(package):
    problems = {problem.code: problem for problem in package().problems}
    assert problems["predicted_instance"].objects == 2
    assert (problems["not_labelled"].picture, problems["not_labelled"].objects) == (True, 0)


def test_pictures_that_are_files_are_found_beside_the_project(package, tmp_path):
    (tmp_path / "frames").mkdir()
    for number in range(4):
        cv2.imwrite(str(tmp_path / "frames" / f"f{number}.png"), np.zeros((60, 80, 3), np.uint8))
    annotations = package(name="labels.slp")
    assert [picture.path.name for picture in annotations.pictures] == ["f0.png", "f2.png"]
    assert keypoints(annotations.pictures[0]) == FIRST


def test_a_picture_that_is_not_there_is_left_out_with_its_objects(package):
    annotations = package(name="labels.slp")
    assert annotations.pictures == ()
    missing = [problem for problem in annotations.problems if problem.code == "no_picture"]
    assert [(problem.objects, problem.picture) for problem in missing] == [(2, True), (1, True)]


def test_a_frame_of_a_video_that_is_not_embedded_is_left_out_with_a_way_out(package):
    def video(file):
        del file["videos_json"]
        backend = {"filename": "walk.mp4", "grayscale": False, "bgr": True}
        file.create_dataset("videos_json", data=[json.dumps({"backend": backend})])

    annotations = package(video)
    assert annotations.pictures == ()
    assert sum(problem.objects for problem in annotations.problems if problem.code == "frame_of_video") == 3
    assert any("walk.mp4" in str(problem) and ".pkg.slp" in str(problem) for problem in annotations.problems)


def test_points_that_are_not_visible_have_no_place(package):
    def hide(points):
        points["visible"][0] = False
        return points

    assert keypoints(package(replaced("points", hide)).pictures[0])[0][0] == [0, 0, 0]


def test_coordinates_of_old_files_are_moved_by_half_a_pixel(package):
    annotations = package(lambda file: file["metadata"].attrs.__setitem__("format_id", 1.0))
    assert keypoints(annotations.pictures[0])[0][0] == [9.5, 11.5, 2]


def test_red_and_blue_of_packages_from_before_1_4_are_put_right(package, tmp_path):
    def old(file):
        file["metadata"].attrs["format_id"] = 1.3
        del file["video0/video"].attrs["channel_order"]

    package(old)
    assert cv2.imread(str(tmp_path / "extracted" / "video0_frame000000.png"))[0, 0].tolist() == [200, 0, 0]


def test_stored_arrays_are_pictures_too(package, tmp_path):
    def raw(file):
        frames = np.zeros((2, 60, 80, 1), np.uint8)
        frames[0, 5, 7] = 99
        del file["video0/video"]
        file["video0"].create_dataset("video", data=frames).attrs["format"] = "hdf5"

    annotations = package(raw)
    picture = cv2.imread(str(annotations.pictures[0].path))
    assert picture[5, 7].tolist() == [99, 99, 99]
    assert picture.sum() == 3 * 99


def test_videos_of_old_files_are_found_by_the_name_of_their_group(package):
    def sparse(file):
        file.move("video0", "video7")
        replaced("videos_json", lambda texts: [text.replace(b"video0/", b"video7/") for text in texts])(file)

        def number(frames):
            frames["video"] = 7
            return frames

        replaced("frames", number)(file)

    assert [picture.file_name for picture in package(sparse).pictures] == [
        "video7_frame000000.png",
        "video7_frame000002.png",
    ]


def test_a_frame_marked_as_negative_is_background(package):
    def negative(file):
        frames = file["frames"][()]
        frames["instance_id_end"][0] = frames["instance_id_start"][0]
        del file["frames"]
        file.create_dataset("frames", data=frames)
        marks = np.array([(0, 0)], dtype=[("video_id", "u4"), ("frame_idx", "u8")])
        file.create_dataset("negative_frames", data=marks)

    annotations = package(negative)
    assert [len(picture.objects) for picture in annotations.pictures] == [0, 1]


def test_a_damaged_embedded_picture_is_left_out(package):
    def damage(file):
        file["video0/video"][0] = 0

    annotations = package(damage)
    assert len(annotations.pictures) == 1
    assert [problem.objects for problem in annotations.problems if problem.code == "unreadable_picture"] == [2]


def test_an_unnamed_skeleton_is_an_animal(package):
    def rename(file):
        text = file["metadata"].attrs["json"]
        text = text.decode() if isinstance(text, bytes) else text
        file["metadata"].attrs["json"] = text.replace('"fly"', '"Skeleton-0"')

    assert package(rename).names == {0: "animal"}


def wrong_metadata(old, new):
    def change(file):
        text = file["metadata"].attrs["json"]
        text = text.decode() if isinstance(text, bytes) else text
        file["metadata"].attrs["json"] = text.replace(old, new)

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda file: file.__delitem__("instances"), "is HDF5, but not of SLEAP"),
        (wrong_metadata("{", "["), "does not hold what it should"),
        (wrong_metadata('"id":3', '"id":99'), "does not hold what it should"),
        (wrong_metadata('"id":3', '"id":-1'), "does not hold what it should"),
        (wrong_metadata('"nodes":[{"id":0},', '"nodes":['), "has 4 points, its skeleton 3"),
        (replaced("frames", lambda frames: np.zeros(3, np.int64)), "does not hold what it should"),
        (
            replaced("instances", lambda rows: np.array([*map(tuple, rows)][:1], rows.dtype)),
            "instance_id runs from",
        ),
    ],
)
def test_a_file_that_contradicts_itself_is_one_clear_error(package, change, said):
    with pytest.raises(DatasetError, match=said) as raised:
        package(change)
    assert "labels.pkg.slp" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_is_no_hdf5_and_what_is_not_there_is_said(tmp_path):
    path = tmp_path / "a.slp"
    with pytest.raises(DatasetNotFoundError, match="there is no such file"):
        read_sleap(path, extracted=tmp_path)
    path.write_text("text")
    with pytest.raises(DatasetError, match="is no HDF5 file"):
        read_sleap(path, extracted=tmp_path)


def test_coordinates_that_no_picture_has_are_unlabelled_and_said(package):
    def far(points):
        points["x"][0] = np.inf
        return points

    annotations = package(replaced("points", far))
    assert keypoints(annotations.pictures[0])[0][0] == [0, 0, 0]
    assert "bad_number" in [problem.code for problem in annotations.problems]


def test_without_h5py_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtraError, match=r'pip install "posekit\[h5\]"'):
        read_sleap(FILES / "labels.slp", extracted=tmp_path)
