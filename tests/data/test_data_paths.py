from pathlib import Path

import pytest

from posekit.data.find_dataset import find_root, in_other_order, split_path, tidy
from posekit.files.reading import exists


@pytest.fixture
def places(here, tmp_path):
    """A YAML's folder, and the folder of data sets, both beside the working directory."""
    yaml, sets = tmp_path / "yaml", tmp_path / "sets"
    yaml.mkdir()
    sets.mkdir()
    return yaml, here, sets


def root_of(path, places, entries=("images/val",)):
    return find_root(path, entries, beside=places[0], datasets_dir=places[2])


def test_without_a_path_the_root_is_the_folder_of_the_yaml(places):
    assert root_of(None, places).root == places[0]
    assert root_of(".", places).root == places[0]


def test_a_relative_root_is_looked_for_in_three_places(places):
    for place in reversed(places):
        (place / "set").mkdir()
        assert root_of("set", places).root == place / "set"
    assert root_of("set", places).looked == tuple(place / "set" for place in places)


def test_a_place_that_has_a_split_comes_before_one_that_has_none(places):
    (places[0] / "set").mkdir()
    (places[2] / "set" / "images" / "val").mkdir(parents=True)
    assert root_of("set", places).root == places[2] / "set"
    assert root_of("set", places, ["images/test"]).root == places[0] / "set"


def test_a_root_that_is_nowhere_will_be_in_the_folder_of_data_sets(places):
    assert root_of("set", places).root == places[2] / "set"


def test_the_root_of_a_built_in_set_is_not_in_the_package(places):
    search = find_root("set", ["val"], beside=None, datasets_dir=places[2])
    assert search.looked == (places[1] / "set", places[2] / "set")


def test_an_absolute_root_and_the_home_folder_are_taken_as_they_are(places, monkeypatch):
    monkeypatch.setenv("HOME", str(places[2]))
    assert root_of(str(places[1]), places).looked == (places[1],)
    assert root_of("~/set", places).root == places[2] / "set"
    assert root_of("~nobody-of-this-name/set", places).root.name == "set"


def test_a_split_above_the_root_is_retried_within(tmp_path):
    root = tmp_path / "set"
    (root / "val" / "images").mkdir(parents=True)
    assert split_path(root, "../val/images") == root / "val" / "images"
    assert split_path(root, "../train/images") == tmp_path / "train" / "images"
    (tmp_path / "val" / "images").mkdir(parents=True)
    assert split_path(root, "../val/images") == tmp_path / "val" / "images"


def test_images_and_split_may_stand_in_the_other_order(tmp_path):
    assert in_other_order(tmp_path / "images" / "val") == tmp_path / "images" / "val"
    (tmp_path / "val" / "images").mkdir(parents=True)
    assert in_other_order(tmp_path / "images" / "val") == tmp_path / "val" / "images"
    (tmp_path / "images" / "val").mkdir(parents=True)
    assert in_other_order(tmp_path / "images" / "val") == tmp_path / "images" / "val"


def test_paths_lose_their_dots_but_keep_their_links(tmp_path):
    (tmp_path / "store" / "pictures").mkdir(parents=True)
    (tmp_path / "set").mkdir()
    link = tmp_path / "set" / "images"
    link.symlink_to(tmp_path / "store" / "pictures")
    assert tidy(tmp_path / "set" / "." / "x" / ".." / "images") == link
    # From within the link, ".." is the store.
    assert tidy(link / ".." / "pictures") == link / ".." / "pictures"
    assert tidy(tmp_path / "no" / ".." / "where") == tmp_path / "where"


def test_names_that_cannot_be_do_not_exist():
    assert not exists(Path("x" * 5000))
    assert not exists(Path("a\0b"))
