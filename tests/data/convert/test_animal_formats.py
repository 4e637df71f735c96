"""What is read of DeepLabCut, SLEAP and StanfordExtra, and what is said of the rest."""

import json
import shutil
import sys
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
from hotcoco import mask

from posekit.data.convert.deeplabcut import read_deeplabcut
from posekit.data.convert.sleap import read_sleap
from posekit.data.convert.stanfordextra import POINTS, read_stanfordextra
from posekit.errors import DatasetError, DatasetNotFoundError, MissingExtraError

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


def dog(**more):
    """An entry of 40 x 30 pixels with a mask of 10 x 8, the nose at 12, 9 and nothing else."""
    joints = [[0.0, 0.0, 0.0]] * 24
    joints[16] = [12.5, 9.0, 1.0]
    return {
        "img_path": "n1-Pug/1.jpg", "img_width": 40, "img_height": 30, "joints": joints, "img_bbox": [5, 6, 20, 10],
        "is_multiple_dogs": False, "seg": compressed(),
    } | more  # fmt: skip


def pixels():
    filled = np.zeros((30, 40), np.uint8, order="F")
    filled[6:14, 5:15] = 1
    return filled


def compressed():
    counts = mask.encode(pixels())["counts"]
    return counts.decode() if isinstance(counts, bytes) else counts


def uncompressed():
    column = np.concatenate([[0], pixels().ravel(order="F"), [2]])
    return np.diff(np.flatnonzero(np.diff(column)), prepend=0).tolist()


@pytest.fixture
def dogs(tmp_path):
    """Return a function that writes entries to a file and reads it."""

    def read(*entries):
        (tmp_path / "dogs.json").write_text(json.dumps(entries))
        return read_stanfordextra(tmp_path / "dogs.json")

    return read


OUTLINE = [[5, 6], [5, 13], [14, 13], [14, 6]]


@pytest.mark.parametrize("seg", [compressed(), uncompressed()])
def test_a_dog_has_a_box_a_mask_and_keypoints(dogs, seg):
    annotations = dogs(dog(seg=seg))
    assert annotations.names == {0: "dog"}
    assert annotations.schema.names == POINTS
    assert annotations.schema.flip_idx[0] == 6
    assert annotations.schema.flip_idx[16] == 16
    ((thing,),) = [picture.objects for picture in annotations.pictures]
    assert thing.box == (5, 6, 25, 16)
    assert [part.tolist() for part in thing.parts] == [OUTLINE]
    assert thing.keypoints[16].tolist() == [12.5, 9, 2]
    assert thing.keypoints[:, 2].sum() == 2
    assert annotations.problems == ()


def test_names_come_from_the_definitions_beside_the_file(dogs, tmp_path):
    rows = [f"{number},part {number} ,ff0000,y" for number in range(24)]
    (tmp_path / "keypoint_definitions.csv").write_text("\n".join(["Index,Name,Hex colour,Stanford", *rows[::-1]]))
    assert dogs(dog()).schema.names == tuple(f"part {number}" for number in range(24))


@pytest.mark.parametrize(
    "text", ["", "Index,Title\n0,a", "Index,Name\nx,a", "Index,Name\n0,a\n1,a", "Index,Name\n0", "\0"]
)
def test_definitions_that_cannot_be_used_are_one_clear_error(dogs, tmp_path, text):
    (tmp_path / "keypoint_definitions.csv").write_text(text)
    with pytest.raises(DatasetError, match=r"keypoint_definitions\.csv"):
        dogs(dog())


def test_pictures_are_found_in_the_folders_of_the_set(dogs, tmp_path):
    for folder in ("sample_imgs/n1-Pug", "Images/n2-Beagle"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "sample_imgs/n1-Pug/1.jpg").touch()
    (tmp_path / "Images/n2-Beagle/2.jpg").touch()
    annotations = dogs(dog(), dog(img_path="n2-Beagle/2.jpg"), dog(img_path="n3/3.jpg"))
    assert [picture.path for picture in annotations.pictures] == [
        tmp_path / "sample_imgs/n1-Pug/1.jpg",
        tmp_path / "Images/n2-Beagle/2.jpg",
        None,
    ]


def test_dogs_on_one_picture_come_together(dogs):
    annotations = dogs(dog(), dog(img_path="2.jpg"), dog())
    assert [len(picture.objects) for picture in annotations.pictures] == [2, 1]


def test_dogs_that_nobody_labelled_are_pointed_out(dogs):
    annotations = dogs(dog(is_multiple_dogs=True), dog(img_path="2.jpg", is_multiple_dogs=True))
    (problem,) = annotations.problems
    assert (problem.code, problem.objects) == ("unlabelled_dogs", 0)
    assert "2 objects, the first is n1-Pug/1.jpg" in problem.message


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"joints": [[1, 2, 1]] * 23}, "bad_joints"),
        ({"joints": [[1, 2]] * 24}, "bad_joints"),
        ({"joints": [[1, float("nan"), 1]] * 24}, "bad_joints"),
        ({"joints": [[1, 1e999, 1]] * 24}, "bad_joints"),
        ({"joints": "text"}, "bad_joints"),
        ({"img_width": 0}, "bad_size"),
        ({"img_height": "30"}, "bad_size"),
        ({"img_height": 29}, "bad_rle"),
        ({"img_bbox": [1, 2, 3]}, "bad_box"),
        ({"img_bbox": [1, 2, -3, 4]}, "empty_box"),
        ({"seg": [0, 5000]}, "bad_rle"),
        ({"seg": 7}, "bad_segmentation"),
        ({"img_path": ""}, "bad_file_name"),
        ({"img_path": None}, "bad_file_name"),
    ],
)
def test_a_dog_that_cannot_be_used_is_counted_and_named_and_costs_no_other(dogs, change, code):
    annotations = dogs(dog(img_path="2.jpg"), dog(**change))
    assert [picture.file_name for picture in annotations.pictures] == ["2.jpg"]
    (problem,) = annotations.problems
    assert (problem.code, problem.objects, problem.place) == (code, 1, "entry 1")


def test_a_dog_without_box_and_mask_keeps_its_keypoints(dogs):
    ((thing,),) = [picture.objects for picture in dogs(dog(img_bbox=None, seg=None)).pictures]
    assert (thing.box, thing.parts, thing.keypoints[16, 2]) == (None, (), 2)


def test_the_same_picture_with_another_size_is_a_problem(dogs):
    annotations = dogs(dog(), dog(img_width=41, seg=None))
    assert [problem.code for problem in annotations.problems] == ["bad_size"]


@pytest.mark.parametrize("entries", [[], [1], [{"img_path": "a"}]])
def test_json_of_another_form_is_one_clear_error(dogs, entries):
    with pytest.raises(DatasetError, match="no list of dogs"):
        dogs(*entries)


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(DatasetNotFoundError):
        read_stanfordextra(tmp_path / "dogs.json")
