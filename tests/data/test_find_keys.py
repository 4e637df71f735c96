import os
import shutil
import zipfile
from pathlib import Path

import pytest
import yaml

from posekit.data.find_dataset import builtin_names, find_keys
from posekit.errors import DatasetError, DatasetNotFoundError, DatasetTypeError

KEYS = {"train": "images", "val": "images", "names": ["a"]}


@pytest.fixture
def sets(tmp_path):
    return tmp_path / "sets"


@pytest.fixture
def find(here, sets):
    return lambda data, task="detect": find_keys(data, task=task, datasets_dir=sets)


def write_yaml(path, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(KEYS | more))
    return path


def test_a_yaml_is_found_by_its_path(find, here):
    path = write_yaml(here / "deep" / "set.yaml")
    for data in (path, str(path), "deep/set.yaml", Path("deep/set.yaml"), "deep/set"):
        found = find(data)
        assert found.keys == KEYS
        assert found.folder.resolve() == path.parent


def test_a_bare_name_is_looked_for_in_the_working_directory_first(find, here):
    assert find("coco8-pose").source == find("coco8-pose.yaml").source == "coco8-pose.yaml"
    assert find("coco8-pose.yaml").keys["path"] == "coco8-pose"
    write_yaml(here / "coco8-pose.yaml", names=["own"])
    assert find("coco8-pose").keys["names"] == find("coco8-pose.yaml").keys["names"] == ["own"]


def test_a_built_in_name_with_a_folder_is_no_built_in_name(find):
    with pytest.raises(DatasetNotFoundError, match=r"dataset 'sets/coco8-pose.yaml' does not exist"):
        find("sets/coco8-pose.yaml")


def test_an_unknown_name_is_told_with_the_nearest(find):
    with pytest.raises(
        DatasetNotFoundError, match=r"dataset 'coco8-poes.yaml' does not exist; did you mean coco8-pose"
    ):
        find("coco8-poes.yaml")
    with pytest.raises(
        DatasetNotFoundError, match=r"dataset 'zzz' does not exist; name a YAML.* one of coco, coco-pose"
    ):
        find("zzz")
    with pytest.raises(RuntimeError):  # what callers catch
        find("zzz")


@pytest.mark.parametrize("data", ["", "  ", "a\0b", "x" * 300, "~no-such-user/x.yaml"])
def test_names_that_cannot_be_are_told(find, data):
    with pytest.raises(DatasetNotFoundError, match="does not exist"):
        find(data)


@pytest.mark.parametrize("data", [None, 7, ["a.yaml"], b"a.yaml"])
def test_other_types_are_refused(find, data):
    with pytest.raises(DatasetTypeError, match="expected the path or name of a data set"):
        find(data)


def test_addresses_are_refused(find):
    with pytest.raises(DatasetError, match="is an address: fetch the archive first"):
        find("https://host/set.zip")


def test_a_pipe_is_refused(find, here):
    os.mkfifo(here / "pipe")
    with pytest.raises(DatasetError, match="neither a file nor a folder"):
        find("pipe")


def test_a_file_of_another_kind_is_refused(find, here):
    (here / "set.txt").touch()
    with pytest.raises(DatasetError, match=r"'set.txt' is of no known form, expected a YAML \(.yaml\), a COCO JSON"):
        find("set.txt")


def test_a_json_serves_for_itself(find, here):
    (here / "people.json").write_text("{}")
    assert find("people.json").keys == {"path": ".", "train": "people.json", "val": "people.json"}


# Folders


def test_the_yaml_of_a_folder_is_taken(find, here):
    write_yaml(here / "set" / "anything.yml")
    write_yaml(here / "set" / "deep" / "set.yaml", names=["deep"])
    assert find("set").keys == KEYS


def test_without_one_at_the_top_it_is_looked_for_below(find, here):
    path = write_yaml(here / "set" / "deep" / "x.yaml")
    write_yaml(here / "set" / ".git" / "y.yaml")
    assert find(here / "set").folder == path.parent


def test_of_several_the_one_named_like_the_folder_is_taken(find, here):
    write_yaml(here / "set" / "other.yaml", names=["other"])
    write_yaml(here / "set" / "more.yaml")
    with pytest.raises(DatasetError, match=r"several YAML files \(more.yaml, other.yaml\): name one .* as data=FILE"):
        find("set")
    write_yaml(here / "set" / "set.yaml")
    assert find("set").keys == KEYS


def test_coco_files_come_before_yamls_below(find, here):
    write_yaml(here / "set" / "deep" / "x.yaml")
    (here / "set" / "annotations").mkdir()
    (here / "set" / "annotations" / "val.json").touch()
    assert find("set").keys == {"path": "set", "val": "annotations/val.json"}
    write_yaml(here / "set" / "x.yaml")
    assert find("set").keys == KEYS


def test_a_folder_without_anything_is_told(find, here):
    (here / "set" / "images").mkdir(parents=True)
    with pytest.raises(DatasetNotFoundError, match="dataset 'set': the folder holds neither a dataset YAML nor COCO"):
        find("set")


def test_pictures_of_a_built_in_set_in_the_working_directory_do_not_hide_its_yaml(find, here):
    (here / "coco8-pose" / "images" / "val").mkdir(parents=True)
    assert find("coco8-pose").source == "coco8-pose.yaml"
    (here / "coco8-pose" / "own.yaml").write_text(yaml.safe_dump(KEYS))
    assert find("coco8-pose").keys == KEYS


# Archives


def archive(here, name="mine.zip", inner="set/data.yaml", **more):
    path = here / name
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(inner, yaml.safe_dump(KEYS | more))
        file.writestr("set/images/a.jpg", b"picture")
    return path


def test_an_archive_is_unpacked_into_the_folder_of_data_sets(find, here, sets):
    found = find(archive(here))
    assert found.keys == KEYS
    (folder,) = sets.iterdir()
    assert folder.name.startswith("mine-")
    assert found.folder == folder / "set"
    assert (found.folder / "images" / "a.jpg").read_bytes() == b"picture"
    assert sorted(path.name for path in here.iterdir()) == ["mine.zip"]


def test_it_is_unpacked_once_and_again_when_it_has_changed(find, here, sets):
    first = find(archive(here)).folder
    (first / "mark").touch()
    assert (find(here / "mine.zip").folder / "mark").exists()
    second = find(archive(here, names=["changed"]))
    assert second.keys["names"] == ["changed"]
    assert second.folder != first
    assert len(list(sets.iterdir())) == 2


def test_a_yaml_named_like_the_archive_is_taken(find, here):
    path = archive(here, inner="mine.yaml")
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("other.yaml", "names: [other]\n")
    assert find(path).keys == KEYS


def test_an_archive_of_a_tar_kind(find, here, sets):
    write_yaml(here / "inner" / "set" / "data.yaml")
    path = shutil.make_archive(str(here / "mine"), "gztar", here / "inner")
    assert find(path).folder == next(sets.iterdir()) / "set"


def test_a_damaged_archive_leaves_nothing(find, here, sets):
    path = archive(here)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DatasetError, match="cannot be unpacked"):
        find(path)
    assert list(sets.iterdir()) == []


def test_an_archive_without_a_data_set_is_told(find, here):
    path = archive(here, inner="set/readme.md")
    with pytest.raises(DatasetError, match=r"mine.zip: holds neither a dataset YAML nor COCO JSON"):
        find(path)


def test_every_built_in_name_is_found(find):
    assert len(builtin_names()) >= 11
    for name in builtin_names():
        assert find(name).source == f"{name}.yaml"
