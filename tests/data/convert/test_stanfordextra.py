import json

import numpy as np
import pytest
from hotcoco import mask

from posekit.data.convert.stanfordextra import POINTS, read_stanfordextra
from posekit.errors import DatasetError, DatasetNotFoundError


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
