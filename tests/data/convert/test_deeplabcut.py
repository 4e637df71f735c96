import shutil
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

from posekit.data.convert.deeplabcut import read_deeplabcut
from posekit.errors import DatasetError, DatasetNotFoundError

FILES = Path(__file__).parent / "files"
SINGLE = ("single_three_index.csv", "single_one_index.csv", "single_fixed.h5", "single_table.h5")
SEVERAL = ("several_three_index.csv", "several_fixed.h5")


@pytest.fixture
def project(tmp_path):
    """Return a function that makes a project with a label file and its pictures, and returns the path of the file."""

    def make(name, folder="walk"):
        labels = tmp_path / "project" / "labeled-data" / folder
        labels.mkdir(parents=True)
        for number in (1, 2, 3):
            cv2.imwrite(str(labels / f"img0{number}.png"), np.zeros((50, 60, 3), np.uint8))
        target = labels / f"CollectedData_ann{Path(name).suffix}"
        shutil.copyfile(FILES / name, target)
        return target

    return make


@pytest.mark.parametrize("name", SINGLE)
def test_a_file_of_one_animal_gives_its_labelled_pictures(project, name):
    path = project(name)
    annotations = read_deeplabcut(path)
    assert annotations.names == {0: "animal"}
    assert annotations.schema.names == ("snout", "left ear", "right ear")
    assert annotations.schema.flip_idx == (0, 2, 1)
    first, third = annotations.pictures
    assert (first.file_name, first.size) == ("labeled-data/walk/img01.png", (50, 60))
    assert first.path == path.parent / "img01.png"
    assert first.objects[0].keypoints.tolist() == [[10, 12, 2], [20.5, 22, 2], [0, 0, 0]]
    assert third.objects[0].keypoints.tolist() == [[11, 13, 2], [21, 23, 2], [31, 33, 2]]
    assert first.objects[0].box is None
    (problem,) = annotations.problems
    assert (problem.code, problem.picture) == ("not_labelled", True)
    assert "img02.png" in str(problem)


@pytest.mark.parametrize("name", SEVERAL)
def test_a_file_of_several_animals_gives_one_object_each_and_one_for_points_of_none(project, name):
    annotations = read_deeplabcut(project(name))
    assert annotations.names == {0: "animal", 1: "single"}
    assert annotations.schema.names == ("snout", "tail", "corner")
    first, second = annotations.pictures
    assert [thing.label for thing in first.objects] == [0, 0, 1]
    assert [thing.keypoints.tolist() for thing in first.objects] == [
        [[10, 12, 2], [20, 22, 2], [0, 0, 0]],
        [[30, 32, 2], [0, 0, 0], [0, 0, 0]],
        [[0, 0, 0], [0, 0, 0], [1, 2, 2]],
    ]
    assert len(second.objects) == 1


def test_a_project_is_read_with_all_its_videos_and_limbs(project, tmp_path):
    project("single_three_index.csv")
    project("single_fixed.h5", "run")
    config = tmp_path / "project" / "config.yaml"
    config.write_text("bodyparts:\n- snout\nskeleton:\n- - snout\n  - left ear\n- - snout\n  - no such part\n- 3\n")
    for source in (config, config.parent):
        annotations = read_deeplabcut(source)
        assert len(annotations.pictures) == 4
        assert annotations.schema.skeleton == ((0, 1),)


def test_pictures_of_the_same_name_in_two_videos_are_told_apart(project, tmp_path):
    project("single_three_index.csv")
    other = project("single_three_index.csv", "run")
    other.write_text(other.read_text().replace("walk", "run"))
    annotations = read_deeplabcut(tmp_path / "project")
    paths = [picture.path for picture in annotations.pictures]
    assert len(set(paths)) == 4
    assert all(picture.path.as_posix().endswith(picture.file_name) for picture in annotations.pictures)


def test_a_config_that_is_no_yaml_costs_only_the_limbs(project, tmp_path):
    path = project("single_three_index.csv")
    (tmp_path / "project" / "config.yaml").write_text("skeleton: [")
    annotations = read_deeplabcut(path)
    assert len(annotations.pictures) == 2
    assert "bad_config" in [problem.code for problem in annotations.problems]


def test_a_picture_that_is_not_there_is_left_out_and_counted(project):
    path = project("several_three_index.csv")
    (path.parent / "img01.png").unlink()
    annotations = read_deeplabcut(path)
    assert len(annotations.pictures) == 1
    (problem,) = annotations.problems
    assert (problem.code, problem.objects, problem.picture) == ("no_picture", 3, True)
    assert "images=" in problem.message


def test_pictures_are_looked_for_where_the_user_says(project, tmp_path):
    path = project("single_three_index.csv")
    moved = tmp_path / "pictures"
    moved.mkdir()
    for picture in path.parent.glob("*.png"):
        picture.rename(moved / picture.name)
    annotations = read_deeplabcut(path, images=moved)
    assert [picture.path.parent for picture in annotations.pictures] == [moved, moved]


def test_a_point_with_half_its_coordinates_is_unlabelled_and_said(project):
    path = project("single_three_index.csv")
    path.write_text(path.read_text().replace("10.0,12.0", "10.0,"))
    annotations = read_deeplabcut(path)
    assert annotations.pictures[0].objects[0].keypoints[0].tolist() == [0, 0, 0]
    assert annotations.problems[0].code == "half_point"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("scorer,,,ann", "score,,,ann", "does not begin with the rows scorer"),
        ("bodyparts,", "parts,", "no row bodyparts"),
        ("coords,,,x,y", "coords,,,x,z", "only x and y can stand there"),
        ("coords,,,x,y,x,y,x,y", "coords,,,x,y,likelihood,x,y,likelihood", "what a network found"),
        ("coords,,,x,y,x,y,x,y", "coords,,,x,y,x,y", "different numbers of columns"),
        ("snout,snout,left ear", "snout,snout,snout", "the same body part twice"),
        ("10.0,12.0", "10.0,a", r"CollectedData_ann\.csv:4: y of 'snout' is 'a', not a number"),
        ("10.0,12.0", "10.0,1e999", "not a number"),
        ("10.0,12.0", "10.0,-inf", "not a number"),
        ("10.0,12.0", "10.0", r":4: has 5 coordinates, the header 6"),
        ("scorer", "\0", "does not begin with the rows scorer|is no CSV"),
    ],
)
def test_a_broken_csv_is_one_clear_error(project, old, new, said):
    path = project("single_three_index.csv")
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(DatasetError, match=said) as raised:
        read_deeplabcut(path)
    assert str(path) in str(raised.value)


def test_a_body_part_with_one_coordinate_is_one_clear_error(project):
    path = project("single_three_index.csv")
    path.write_text("scorer,,,a\nbodyparts,,,snout\ncoords,,,x\nlabeled-data,walk,img01.png,3\n")
    with pytest.raises(DatasetError, match="'snout' has only one of x and y"):
        read_deeplabcut(path)


def test_labels_of_two_people_in_a_folder_are_one_clear_error(project):
    path = project("single_three_index.csv")
    shutil.copyfile(path, path.with_name("CollectedData_bob.csv"))
    with pytest.raises(DatasetError, match="labels of several people"):
        read_deeplabcut(path.parent)


def test_a_folder_without_labels_and_a_missing_file_are_said(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="CollectedData"):
        read_deeplabcut(tmp_path)
    with pytest.raises(DatasetNotFoundError, match="no such file"):
        read_deeplabcut(tmp_path / "a.csv")


def test_what_is_no_hdf5_is_one_clear_error(tmp_path):
    path = tmp_path / "CollectedData_a.h5"
    for content in (b"", b"text", (FILES / "single_fixed.h5").read_bytes()[:9000]):
        path.write_bytes(content)
        with pytest.raises(DatasetError, match="no HDF5 file, or a damaged one"):
            read_deeplabcut(path)


def changed_h5(path, name, change):
    shutil.copyfile(FILES / name, path)
    with h5py.File(path, "r+") as file:
        change(file["df_with_missing"])


def test_hdf5_of_another_kind_is_one_clear_error(tmp_path):
    path = tmp_path / "CollectedData_a.h5"

    def remove(key):
        return lambda group: group.__delitem__(key)

    def fill(value):
        return lambda group: group["block0_values"].__setitem__((0, 0), value)

    for change, said in (
        (lambda group: group.attrs.__setitem__("pandas_type", b"series"), "holds 0 pandas tables"),
        (remove("block0_values"), "does not hold what it should"),
        (remove("axis1_label0"), "does not hold what it should"),
        (lambda group: group["block0_items_label1"].__setitem__(0, 99), "does not hold what it should"),
        (lambda group: group.attrs.__setitem__("nblocks", 3), "does not hold what it should"),
        (fill(np.inf), "infinite or larger than any picture"),
    ):
        changed_h5(path, "single_fixed.h5", change)
        with pytest.raises(DatasetError, match=said):
            read_deeplabcut(path)


def test_a_table_that_says_it_is_huge_takes_no_memory(tmp_path):
    path = tmp_path / "CollectedData_a.h5"

    def swell(group):
        del group["block0_values"]
        group.create_dataset("block0_values", shape=(10**9, 6), dtype="f8", chunks=(1, 6))

    changed_h5(path, "single_fixed.h5", swell)
    with pytest.raises(DatasetError, match="says that it holds 48,000,000,000 bytes"):
        read_deeplabcut(path)


def test_code_in_a_pickled_header_is_not_run(tmp_path):
    path, trace = tmp_path / "CollectedData_a.h5", tmp_path / "trace"
    pickled = f"cos\nsystem\n(S'touch {trace}'\ntR.".encode()
    changed_h5(
        path,
        "single_table.h5",
        lambda group: group["table"].attrs.__setitem__("values_block_0_kind", np.bytes_(pickled)),
    )
    with pytest.raises(DatasetError, match=r"it would run os\.system"):
        read_deeplabcut(path)
    assert not trace.exists()
