"""From what a user names as data to its YAML, and to the folders that it names."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import posekit
from posekit.data.dataset import read_description
from posekit.data.description import KNOWN_KEYS, is_address, read_downloads
from posekit.data.find_dataset import (
    builtin_names,
    find_dataset,
    find_root,
    in_other_order,
    parse_content,
    read_dataset_yaml,
    split_path,
    tidy,
)
from posekit.data.find_pictures import label_file_name, list_pictures, share
from posekit.errors import DatasetError, DatasetNotFoundError, DatasetTypeError, SettingError
from posekit.files.reading import LARGEST_YAML, exists
from posekit.schema.schema import COCO_PERSON

KEYS = {"train": "images", "val": "images", "names": ["a"]}


@pytest.fixture
def sets(tmp_path):
    return tmp_path / "sets"


@pytest.fixture
def find(here, sets):
    return lambda data, task="detect": find_dataset(data, task=task, datasets_dir=sets)


def write_yaml(path, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(KEYS | more))
    return path


def test_a_yaml_is_found_by_its_path(find, here):
    path = write_yaml(here / "deep" / "set.yaml")
    for data in (path, str(path), "deep/set.yaml", Path("deep/set.yaml"), "deep/set"):
        found = find(data)
        assert found.content == KEYS
        assert found.folder.resolve() == path.parent


def test_a_bare_name_is_looked_for_in_the_working_directory_first(find, here):
    assert find("coco8-pose").source == find("coco8-pose.yaml").source == "coco8-pose.yaml"
    assert find("coco8-pose.yaml").content["path"] == "coco8-pose"
    write_yaml(here / "coco8-pose.yaml", names=["own"])
    assert find("coco8-pose").content["names"] == find("coco8-pose.yaml").content["names"] == ["own"]


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
    assert find("people.json").content == {"path": ".", "train": "people.json", "val": "people.json"}


# Folders


def test_the_yaml_of_a_folder_is_taken(find, here):
    write_yaml(here / "set" / "anything.yml")
    write_yaml(here / "set" / "deep" / "set.yaml", names=["deep"])
    assert find("set").content == KEYS


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
    assert find("set").content == KEYS


def test_coco_files_come_before_yamls_below(find, here):
    write_yaml(here / "set" / "deep" / "x.yaml")
    (here / "set" / "annotations").mkdir()
    (here / "set" / "annotations" / "val.json").touch()
    assert find("set").content == {"path": "set", "val": "annotations/val.json"}
    write_yaml(here / "set" / "x.yaml")
    assert find("set").content == KEYS


def test_a_folder_without_anything_is_told(find, here):
    (here / "set" / "images").mkdir(parents=True)
    with pytest.raises(DatasetNotFoundError, match="dataset 'set': the folder holds neither a dataset YAML nor COCO"):
        find("set")


def test_pictures_of_a_built_in_set_in_the_working_directory_do_not_hide_its_yaml(find, here):
    (here / "coco8-pose" / "images" / "val").mkdir(parents=True)
    assert find("coco8-pose").source == "coco8-pose.yaml"
    (here / "coco8-pose" / "own.yaml").write_text(yaml.safe_dump(KEYS))
    assert find("coco8-pose").content == KEYS


# Archives


def archive(here, name="mine.zip", inner="set/data.yaml", **more):
    path = here / name
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(inner, yaml.safe_dump(KEYS | more))
        file.writestr("set/images/a.jpg", b"picture")
    return path


def test_an_archive_is_unpacked_into_the_folder_of_data_sets(find, here, sets):
    found = find(archive(here))
    assert found.content == KEYS
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
    assert second.content["names"] == ["changed"]
    assert second.folder != first
    assert len(list(sets.iterdir())) == 2


def test_a_yaml_named_like_the_archive_is_taken(find, here):
    path = archive(here, inner="mine.yaml")
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("other.yaml", "names: [other]\n")
    assert find(path).content == KEYS


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
    assert root_of(None, places)[0] == places[0]
    assert root_of(".", places)[0] == places[0]


def test_a_relative_root_is_looked_for_in_three_places(places):
    for place in reversed(places):
        (place / "set").mkdir()
        assert root_of("set", places)[0] == place / "set"
    assert root_of("set", places)[1] == tuple(place / "set" for place in places)


def test_a_place_that_has_a_split_comes_before_one_that_has_none(places):
    (places[0] / "set").mkdir()
    (places[2] / "set" / "images" / "val").mkdir(parents=True)
    assert root_of("set", places)[0] == places[2] / "set"
    assert root_of("set", places, ["images/test"])[0] == places[0] / "set"


def test_a_root_that_is_nowhere_will_be_in_the_folder_of_data_sets(places):
    assert root_of("set", places)[0] == places[2] / "set"


def test_the_root_of_a_built_in_set_is_not_in_the_package(places):
    _, looked = find_root("set", ["val"], beside=None, datasets_dir=places[2])
    assert looked == (places[1] / "set", places[2] / "set")


def test_an_absolute_root_and_the_home_folder_are_taken_as_they_are(places, monkeypatch):
    monkeypatch.setenv("HOME", str(places[2]))
    assert root_of(str(places[1]), places)[1] == (places[1],)
    assert root_of("~/set", places)[0] == places[2] / "set"
    assert root_of("~nobody-of-this-name/set", places)[0].name == "set"


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


COCO_FLIP = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)
HAND_FLIP = (0, 1, 2, 4, 3, 10, 11, 12, 13, 14, 5, 6, 7, 8, 9, 15, 16, 17, 18, 19, 20)
POSE_SETS = {
    "coco-pose": ((17, 3), COCO_FLIP, 1),
    "coco8-pose": ((17, 3), COCO_FLIP, 1),
    "coco8-multitask": ((17, 3), COCO_FLIP, 80),
    "hand-keypoints": ((21, 3), HAND_FLIP, 1),
    "tiger-pose": ((12, 2), tuple(range(12)), 1),
}
BOX_SETS = ("coco", "coco8", "coco8-seg", "coco128-seg")


def test_all_sets_are_there():
    assert set(builtin_names()) == {*POSE_SETS, *BOX_SETS, "dog-pose", "figures"}


@pytest.mark.parametrize("name", POSE_SETS)
def test_pose_sets_hold_the_published_facts(here, name):
    shape, flip, classes = POSE_SETS[name]
    description = read_description(name, task="pose")
    assert description.schema.shape == shape
    assert description.schema.flip_idx == flip
    assert len(description.names) == classes
    assert description.root == here / "datasets" / name


@pytest.mark.parametrize("name", ["coco-pose", "coco8-pose", "coco8-multitask"])
def test_people_of_coco_are_cocos(here, name):
    schema = read_description(name, task="pose").schema
    assert schema.names == COCO_PERSON.names
    assert schema.skeleton == COCO_PERSON.skeleton
    assert schema.oks_sigmas == COCO_PERSON.oks_sigmas


def test_only_people_have_keypoints_in_the_multitask_set(here):
    assert read_description("coco8-multitask", task="multitask").schema.classes == (0,)


@pytest.mark.parametrize("name", BOX_SETS)
def test_box_sets_have_the_classes_of_coco(here, name):
    names = read_description(name, task="segment").names
    assert len(set(names.values())) == 80
    assert (names[0], names[11], names[40], names[79]) == ("person", "stop sign", "wine glass", "toothbrush")


def test_dogs_get_their_mirror_map_from_the_names(here, caplog):
    schema = read_description("dog-pose", task="pose").schema
    assert "flip_idx" not in find_dataset("dog-pose", task="pose", datasets_dir=here).content
    assert schema.shape == (24, 3)
    assert schema.flip_idx[:3] == (6, 7, 8)
    assert schema.names[schema.flip_idx[20]] == "right_eye"
    assert caplog.messages == []


def test_hands_have_the_sigmas_of_coco_wholebody(here):
    schema = read_description("hand-keypoints", task="pose").schema
    assert schema.oks_sigmas[:3] == (0.029, 0.022, 0.035)
    assert schema.oks_sigmas[-1] == 0.031


@pytest.mark.parametrize("name", sorted({*POSE_SETS, *BOX_SETS, "dog-pose", "figures"}))
def test_their_keys_are_known_and_their_addresses_are_addresses(find, name):
    keys = find(f"{name}.yaml").content
    assert set(keys) <= set(KNOWN_KEYS)
    downloads = read_downloads(keys, name)
    assert all(is_address(entry) for entry in downloads)
    assert downloads or {"figures", "missing"} & set(keys)


def test_the_yamls_are_package_files():
    folder = Path(posekit.__file__).parent / "data" / "builtin"
    assert sorted(path.stem for path in folder.iterdir()) == builtin_names()


def test_they_are_read_from_a_zipped_package_too(tmp_path):
    """The package may lie where there are no files, only resources."""
    source = Path(posekit.__file__).parent
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
        for path in source.rglob("*"):
            if path.suffix in (".py", ".yaml"):
                archive.write(path, path.relative_to(source.parent))
    code = (
        "from pathlib import Path; from posekit.data.find_dataset import find_dataset; "
        "print(find_dataset('coco8-pose', task='pose', datasets_dir=Path()).content['path'])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(tmp_path / "app.zip")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "coco8-pose"


def test_every_set_is_in_the_documentation():
    page = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text(encoding="utf-8")
    assert [name for name in builtin_names() if f"`{name}`" not in page] == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_in_the_usual_encodings_is_read(encoding):
    assert parse_content("names: [Löwe, 熊]\n".encode(encoding), "a.yaml") == {"names": ["Löwe", "熊"]}


def test_a_syntax_error_is_told_with_line_and_column():
    with pytest.raises(DatasetError, match=r"^set/a\.yaml:2:14: no valid YAML here: mapping values are not allowed"):
        parse_content(b"path: .\ntrain: images: b\n", "set/a.yaml")


@pytest.mark.parametrize("text", ["train: a\nval: b\ntrain: c\n", "names:\n  0: a\n  0: b\n", "{a: 1, a: 1}"])
def test_a_key_that_stands_twice_is_refused_with_its_line(text):
    with pytest.raises(DatasetError, match=r"a\.yaml:\d+:\d+: no valid YAML here: '\w+' stands a second time"):
        parse_content(text.encode(), "a.yaml")


def test_anchors_and_merges_are_no_repetition():
    text = b"base: &b {x: 1, y: 2}\nmore: {<<: *b, x: 3}\n"
    assert parse_content(text, "a.yaml")["more"] == {"x": 3, "y": 2}


@pytest.mark.parametrize(
    ("text", "found"),
    [("", "None"), ("- a\n- b\n", "a list of 2"), ("just text", "'just text'"), ("7", "7")],
)
def test_something_else_than_keys_is_refused(text, found):
    with pytest.raises(DatasetError, match=f"a.yaml: holds {found}, expected lines of the form 'key: value'"):
        parse_content(text.encode(), "a.yaml")


def test_class_numbers_outside_names_are_told_where_they_belong():
    with pytest.raises(DatasetError, match=r"a.yaml: 0 is no key of a data set: .* indent it under `names:`"):
        parse_content(b"names:\n0: person\n", "a.yaml")


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\xfa\x00",
        b"a: \x00",
        b"caf\xe9: 1",
        b"a: !!python/object/apply:os.system ['true']",
        b"[" * 5000,
        b"a: " + b"9" * 5000,
        b"a: 2020-99-99",
        b"a: *nowhere",
    ],
)
def test_hostile_content_gives_one_line(content):
    with pytest.raises(DatasetError, match=r"^a\.yaml") as caught:
        parse_content(content, "a.yaml")
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=200))
def test_any_bytes_give_keys_or_an_error_of_ours(content):
    answer = parsed_or_complaint(content)
    assert answer.startswith("a.yaml") if isinstance(answer, str) else all(isinstance(key, str) for key in answer)


def parsed_or_complaint(content):
    try:
        return parse_content(content, "a.yaml")
    except DatasetError as error:
        return str(error)


def test_a_file_that_cannot_be_one_is_not_read(tmp_path):
    path = tmp_path / "big.yaml"
    with path.open("wb") as file:
        file.truncate(LARGEST_YAML + 1)
    with pytest.raises(DatasetError, match="more than the 16,777,216 allowed"):
        read_dataset_yaml(path)
    with pytest.raises(DatasetError, match="is a folder"):
        read_dataset_yaml(tmp_path)


@pytest.fixture
def gallery(tmp_path):
    """A folder of pictures, some of them in folders within, and of other files."""
    folder = tmp_path / "images"
    for name in ("b.jpg", "a.PNG", "within/deep/c.jpeg", "notes.txt", "clip.mp4", ".hidden.jpg", ".cache/d.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def found_in(*places):
    return [Path(name) for name in list_pictures(places)]


def test_a_folder_is_listed_to_its_depth_in_order(gallery):
    found = found_in(gallery)
    assert found == [gallery / "a.PNG", gallery / "b.jpg", gallery / "within" / "deep" / "c.jpeg"]


def test_a_folder_that_links_back_to_itself_ends(gallery):
    (gallery / "within" / "again").symlink_to(gallery, target_is_directory=True)
    (gallery / "within" / "other").symlink_to(gallery / "within" / "deep", target_is_directory=True)
    found = found_in(gallery)
    assert len(set(found)) == len(found)
    assert gallery / "within" / "other" / "c.jpeg" in found


def test_a_list_counts_from_its_own_folder_or_from_here(gallery, monkeypatch):
    monkeypatch.chdir(gallery.parent)
    text = gallery.parent / "lists" / "train.txt"
    text.parent.mkdir()
    text.write_text(
        f"./x.jpg\n\n  {gallery / 'b.jpg'}  \nimages/a.PNG\nelsewhere/y.png\nnotes.md\n", encoding="utf-8-sig"
    )
    lists = text.parent
    assert found_in(text) == sorted(
        [lists / "x.jpg", gallery / "b.jpg", gallery / "a.PNG", lists / "elsewhere" / "y.png"], key=str
    )


def test_several_places_become_one_sorted_list(gallery, tmp_path):
    (tmp_path / "z.txt").write_text("./0.png\n")
    assert found_in(gallery, tmp_path / "z.txt")[0] == tmp_path / "0.png"
    assert [path.name for path in found_in(gallery / "b.jpg", gallery / "a.PNG")] == ["a.PNG", "b.jpg"]


def test_places_without_pictures_are_told(gallery, tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"nowhere: no such file or folder"):
        found_in(gallery, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetNotFoundError, match=r"empty: the folder holds no picture; .* jpg"):
        found_in(tmp_path / "empty")
    (tmp_path / "list.txt").write_text("a.mp4\n")
    with pytest.raises(DatasetNotFoundError, match=r"list\.txt: the list names no picture"):
        found_in(tmp_path / "list.txt")
    (tmp_path / "archive.zip").write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(DatasetNotFoundError, match=r"archive\.zip: .* not UTF-8 .* a text file that lists them"):
        found_in(tmp_path / "archive.zip")


@pytest.mark.parametrize(
    ("fraction", "count"), [(1.0, 10), (1, 10), (0.5, 5), (0.25, 2), (0.01, 1), (0.96, 10), (3, 3), (50, 10)]
)
def test_a_fraction_takes_the_first_pictures(fraction, count):
    assert share(10, fraction) == count


@pytest.mark.parametrize("fraction", [0, -1, 0.0, 1.5, float("nan"), float("inf")])
def test_a_fraction_that_is_neither_share_nor_count_is_refused(fraction):
    with pytest.raises(SettingError, match=r"fraction=.* expected a share above 0"):
        share(10, fraction)


@given(st.lists(st.sampled_from(["images", "labels", "a", "images2", "c.d"]), min_size=1, max_size=6))
def test_only_the_last_folder_named_images_becomes_labels(folders):
    picture = Path(os.sep, *folders, "x.y.jpg")
    label = Path(label_file_name(str(picture)))
    assert label.name == "x.y.txt"
    if "images" in folders:
        last = len(folders) - 1 - folders[::-1].index("images")
        folders = [*folders[:last], "labels", *folders[last + 1 :]]
    assert label.parent == Path(os.sep, *folders)


def test_a_link_to_itself_is_listed_so_that_reading_it_says_what_is_wrong(tmp_path):
    (tmp_path / "round.jpg").symlink_to("round.jpg")
    assert found_in(tmp_path) == [tmp_path / "round.jpg"]
