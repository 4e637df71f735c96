"""Pictures are found wherever data sets keep them relative to their JSON file."""

import pytest

from data.coco.files import picture
from posekit.data.find_pictures import PictureSearch

PLACES = {
    "beside the file": ("set/x.json", "set/a.png", "a.png"),
    "in the folder above": ("set/annotations/x.json", "set/a.png", "a.png"),
    "in images": ("set/x.json", "set/images/a.png", "a.png"),
    "in images above": ("set/annotations/x.json", "set/images/a.png", "a.png"),
    "in the folder of the split": ("set/annotations/person_keypoints_val2017.json", "set/val2017/a.png", "a.png"),
    "in images of the split": ("set/annotations/instances_val2017.json", "set/images/val2017/a.png", "a.png"),
    "split without year": ("set/annotations/person_keypoints_val2017.json", "set/images/val/a.png", "a.png"),
    "split at the end of the name": ("set/annotations/hands_train.json", "set/train/a.png", "a.png"),
    "with folders": ("set/x.json", "set/images/b/c/a.png", "b/c/a.png"),
    "with more folders than there are": ("set/x.json", "set/b/a.png", "Whole/images/b/a.png"),
    "only the name": ("set/x.json", "set/a.png", "C:/data/images/a.png"),
    "one folder up": ("set/labels/x.json", "set/pictures/a.png", "../pictures/a.png"),
}


@pytest.mark.parametrize("place", PLACES)
def test_pictures_are_found(place, tmp_path):
    json_name, picture_name, named = PLACES[place]
    path = picture(tmp_path / picture_name)
    found = PictureSearch(tmp_path / json_name).find(named)
    assert found is not None
    assert found.samefile(path)
    assert found.is_absolute()


def test_folders_that_are_named_go_first(tmp_path):
    picture(tmp_path / "set" / "a.png")
    mine = picture(tmp_path / "mine" / "a.png")
    assert PictureSearch(tmp_path / "set" / "x.json", [tmp_path / "mine"]).find("a.png") == mine


def test_the_full_name_goes_before_a_shorter_one(tmp_path):
    for name in ("a.png", "e.png", "c/a.png"):
        picture(tmp_path / name)
    inner = picture(tmp_path / "images" / "b" / "a.png")
    search = PictureSearch(tmp_path / "x.json")
    assert search.find("c/e.png") == tmp_path / "e.png"
    assert search.find("c/a.png") == tmp_path / "c" / "a.png"
    assert search.find("b/a.png") == inner


def test_pictures_of_the_same_name_in_different_folders_are_told_apart(tmp_path):
    paths = [picture(tmp_path / folder / "a.png") for folder in "bcd"]
    search = PictureSearch(tmp_path / "x.json")
    assert [search.find(f"Set/{folder}/a.png") for folder in "bcd"] == paths


@pytest.mark.parametrize("name", ["b.png", "\0", "\ud800.png", "x" * 5000, "a.png/b.png", "/", "..", "."])
def test_what_is_not_there_is_not_found(name, tmp_path):
    picture(tmp_path / "a.png")
    assert PictureSearch(tmp_path / "x.json").find(name) is None
