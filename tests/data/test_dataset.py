"""What a data set says of itself, from YAMLs, COCO JSON and drawn scenes."""

import json
import logging
import shutil

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posekit.data.dataset import read_description, require_split
from posekit.data.description import KNOWN_KEYS, dataset_dict
from posekit.errors import (
    DatasetError,
    DatasetKeyError,
    DatasetNotFoundError,
    DatasetTypeError,
    PosekitError,
    SchemaError,
)
from posekit.schema.schema import COCO_PERSON

POSE = {"train": "images/train", "val": "images/val", "names": {0: "cat"}, "kpt_shape": [3, 3], "flip_idx": [0, 2, 1]}
CATEGORY = {"id": 4, "name": "cat", "keypoints": ["nose", "left_ear", "right_ear"], "skeleton": [[1, 2], [1, 3]]}


@pytest.fixture
def read(here):
    """Return a function that reads a YAML of the given keys; None leaves a key out."""

    def describe(task="pose", **keys):
        kept = {key: value for key, value in (POSE | keys).items() if value is not None}
        (here / "set.yaml").write_text(yaml.safe_dump(kept))
        return read_description("set.yaml", task=task)

    return describe


def write_coco(path, *categories):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": [], "annotations": [], "categories": list(categories or [CATEGORY])}))
    return path


def test_a_whole_yaml(here):
    keys = {
        "path": "data",
        "train": ["a", "b"],
        "validation": "c.txt",
        "names": ["cat", "dog"],
        "nc": 2,
        "channels": 3,
        "kpt_shape": [3, 2],
        "kpt_names": ["nose", "left_ear", "right_ear"],
        "flip_idx": [0, 2, 1],
        "flip_idx_ud": [0, 1, 2],
        "skeleton": [[0, 1], [0, 2]],
        "kpt_oks_sigmas": [0.1, 0.2, 0.2],
        "layout": "keypoints_polygon",
        "annotations": {"val": "truth.json"},
        "images": {"train": "pictures"},
        "download": "https://host/data.zip",
        "license": "mine",
    }
    (here / "set.yaml").write_text(yaml.safe_dump(keys))
    (here / "data").mkdir()
    description = read_description("set.yaml", task="multitask")
    root = here / "data"
    assert description.source == "set.yaml"
    assert description.root == root
    assert description.splits == {"train": (root / "a", root / "b"), "val": (root / "c.txt",)}
    assert description.names == {0: "cat", 1: "dog"}
    stored = description.schema.to_dict()
    for key in ("kpt_shape", "kpt_names", "skeleton", "flip_idx", "flip_idx_ud", "kpt_oks_sigmas"):
        assert stored[key] == keys[key]
    assert description.layout == "keypoints_polygon"
    assert description.annotations == {"val": root / "truth.json"}
    assert description.images == {"train": (root / "pictures",)}
    assert description.downloads == ("https://host/data.zip",)


@pytest.mark.parametrize("task", ["pose", "multitask"])
def test_keypoints_are_needed_for_tasks_with_keypoints(read, task):
    with pytest.raises(KeyError) as caught:
        read(task, kpt_shape=None, flip_idx=None)
    assert isinstance(caught.value, DatasetKeyError)
    assert str(caught.value).startswith("No `kpt_shape` in the set.yaml: ")


@pytest.mark.parametrize("task", ["detect", "segment"])
def test_other_tasks_go_without(read, task):
    assert read(task, kpt_shape=None, flip_idx=None).schema is None


def test_keypoints_of_a_box_task_are_kept_without_remarks(read, caplog):
    assert read("detect", flip_idx=None).schema.count == 3
    assert caplog.messages == []
    read("pose", flip_idx=None)
    assert caplog.messages[0].startswith("set.yaml: flips are off")


@pytest.mark.parametrize(
    ("keys", "error", "message"),
    [
        ({"path": 3}, DatasetTypeError, "set.yaml: `path` is 3"),
        ({"train": 3}, DatasetTypeError, "set.yaml: `train` is 3"),
        ({"val": {"a": 1}}, DatasetTypeError, "set.yaml: `val` is a dictionary of 1"),
        ({"names": 3}, DatasetTypeError, "set.yaml: `names` is 3"),
        ({"kpt_shape": 17}, DatasetTypeError, "set.yaml: kpt_shape is 17"),
        ({"kpt_shape": "17,3"}, DatasetTypeError, "set.yaml: kpt_shape is '17,3'"),
        ({"kpt_shape": [3, 4]}, SchemaError, "set.yaml: kpt_shape"),
        ({"flip_idx": {0: 1}}, DatasetTypeError, "set.yaml: flip_idx is"),
        ({"flip_idx": [0, 1]}, SchemaError, "set.yaml: flip_idx has 2 entries"),
        ({"nc": 2}, DatasetError, "set.yaml: `nc` is 2, but `names` lists 1"),
        ({"names": {1: "a"}}, DatasetError, "no class 0"),
        ({"channels": 4}, DatasetError, "`channels` is 4"),
        ({"names": None}, DatasetKeyError, "No `names` in the set.yaml"),
        ({"train": None, "val": None}, DatasetKeyError, "set.yaml names no pictures"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(read, keys, error, message):
    with pytest.raises(error) as caught:
        read(**keys)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_wrong_types_are_type_errors(read):
    with pytest.raises(TypeError):
        read(kpt_shape=17)


# COCO JSON


def test_names_and_keypoints_come_from_the_categories(here, read):
    write_coco(here / "val.json")
    description = read(train=None, val="val.json", names=None, kpt_shape=None, flip_idx=None)
    assert description.names == {0: "cat"}
    assert description.schema.names == ("nose", "left_ear", "right_ear")
    assert description.schema.skeleton == ((0, 1), (0, 2))


def test_what_the_yaml_says_comes_before_the_categories(here, read):
    write_coco(here / "val.json")
    assert read(val="val.json", names=["kitten"]).names == {0: "kitten"}
    assert read(val="val.json", names=None).schema.names == ("0", "1", "2")


def test_categories_without_keypoints_are_not_enough_for_pose(here, read):
    write_coco(here / "val.json", {"id": 1, "name": "cat"})
    with pytest.raises(
        DatasetKeyError, match=r"No `kpt_shape` in the set.yaml, and the categories .* name no keypoints"
    ):
        read(val="val.json", kpt_shape=None, flip_idx=None)


def test_a_json_that_must_be_read_and_is_missing(read):
    with pytest.raises(DatasetNotFoundError, match=r"for `val`, .*/val.json does not exist"):
        read(train=None, val="val.json", names=None)


def test_a_json_that_need_not_be_read_may_be_missing(read, here):
    assert read(val="val.json").splits["val"] == (here / "val.json",)


def test_a_json_file_alone(here):
    path = write_coco(here / "people.json")
    description = read_description(path, task="pose")
    assert description.splits == {"train": (path,), "val": (path,)}
    assert description.names == {0: "cat"}
    assert require_split(description, "val").splits["val"] == (path,)


def test_folders_of_split_folders(here):
    for split in ("train", "valid"):
        write_coco(here / "set" / split / "_annotations.coco.json")
    description = read_description("set", task="pose")
    assert description.root == here / "set"
    assert require_split(description, "val").splits["val"] == (here / "set" / "valid" / "_annotations.coco.json",)


def test_a_folder_of_annotations(here):
    for split in ("train", "val"):
        write_coco(here / "set" / "annotations" / f"person_keypoints_{split}2017.json")
    description = read_description(here / "set", task="pose")
    assert description.splits["val"] == (here / "set" / "annotations" / "person_keypoints_val2017.json",)
    assert description.schema.count == 3


def test_an_archive_of_a_coco_folder(here, tmp_path):
    write_coco(here / "set" / "valid" / "_annotations.coco.json")
    archive = shutil.make_archive(str(here / "mine"), "zip", here, "set")
    description = read_description(archive, task="pose", datasets_dir=tmp_path / "sets")
    assert description.names == {0: "cat"}
    assert tmp_path / "sets" in require_split(description, "val").splits["val"][0].parents


@pytest.mark.parametrize(
    "content", ["", "[]", '{"images": 3}', "{", '{"images": [], "annotations": [], "categories": 7}']
)
def test_a_json_of_another_form_is_one_error(here, content):
    (here / "people.json").write_text(content)
    with pytest.raises(PosekitError) as caught:
        read_description("people.json", task="pose")
    assert "people.json" in str(caught.value)


# Where things lie


def test_the_folder_of_data_sets_is_the_users(here):
    assert read_description("coco8-pose", task="pose").root == here / "datasets" / "coco8-pose"
    (here / "coco8-pose" / "images" / "val").mkdir(parents=True)
    assert read_description("coco8-pose", task="pose").root == here / "coco8-pose"


def test_a_folder_without_the_pictures_does_not_hide_the_one_that_has_them(here):
    (here / "coco8-pose").mkdir()
    root = here / "datasets" / "coco8-pose"
    (root / "images" / "val").mkdir(parents=True)
    assert read_description("coco8-pose", task="pose").root == root


def test_roboflow_paths_that_leave_the_folder_are_retried_within(here, read):
    (here / "valid" / "images").mkdir(parents=True)
    description = read(train="../train/images", val="../valid/images")
    assert require_split(description, "val").splits["val"] == (here / "valid" / "images",)


def test_people_of_seventeen_points_are_cocos(read):
    flip = list(COCO_PERSON.flip_idx)
    assert read(kpt_shape=[17, 3], flip_idx=flip).schema.names == COCO_PERSON.names


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["x" * 5000, "~", ".."]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3),
    max_leaves=6,
)
# Figures would be drawn, and what `download` names be fetched.
FREE_KEYS = [key for key in KNOWN_KEYS if key not in ("figures", "download")]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(FREE_KEYS), VALUES, max_size=6), st.sampled_from(["pose", "detect"]))
def test_any_values_give_a_description_or_one_line(here, keys, task):
    (here / "set.yaml").write_text(yaml.safe_dump(POSE | keys))
    outcome = described_or_complaint(task)
    assert "\n" not in outcome
    assert len(outcome) < 6000


def described_or_complaint(task):
    try:
        return read_description("set.yaml", task=task).source
    except PosekitError as error:
        return str(error)


def test_a_pose_set_as_a_dictionary(here):
    data = dataset_dict(read_description("coco8-pose", task="pose"))
    root = here / "datasets" / "coco8-pose"
    assert data == {
        "path": str(root),
        "train": str(root / "images" / "train"),
        "val": str(root / "images" / "val"),
        "nc": 1,
        "names": {0: "person"},
        "channels": 3,
        "kpt_shape": [17, 3],
    }
    assert yaml.safe_load(yaml.safe_dump(data)) == data


def test_lists_missing_splits_and_test(here):
    (here / "a.yaml").write_text(yaml.safe_dump({"val": ["x", "y"], "test": "z", "nc": 2}))
    data = dataset_dict(read_description("a.yaml", task="detect"))
    assert data["val"] == [str(here / "x"), str(here / "y")]
    assert data["test"] == str(here / "z")
    assert data["train"] is None
    assert data["kpt_shape"] is None


SMALL = {"train": 2, "val": 1, "imgsz": 64, "seed": 5}


@pytest.fixture
def draw(here, tmp_path):
    """Return a function that reads a YAML with the given figures."""

    def describe(figures, task="pose", **more):
        (here / "f.yaml").write_text(yaml.safe_dump({"figures": figures} | more))
        return read_description("f.yaml", task=task, datasets_dir=tmp_path / "sets")

    return describe


def test_scenes_are_drawn_once(draw, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    folder = tmp_path / "sets" / "figures-train2-val1-imgsz64-seed5"
    for _ in range(2):
        description = draw(SMALL)
    assert description.source == "f.yaml"
    assert description.names == {0: "person"}
    assert description.schema == COCO_PERSON or description.schema.names == COCO_PERSON.names
    assert require_split(description, "train").splits["train"] == (folder / "images" / "train",)
    assert [len(list((folder / "images" / split).iterdir())) for split in ("train", "val")] == [2, 1]
    assert caplog.messages == [f"drawing 3 scenes into {folder}"]


def test_other_settings_are_another_set(draw, tmp_path):
    draw(SMALL)
    draw(SMALL | {"seed": 6})
    assert len(list((tmp_path / "sets").iterdir())) == 2


@pytest.mark.parametrize("task", ["segment", "multitask"])
def test_tasks_with_outlines_get_outlines(draw, task):
    description = draw(SMALL, task)
    (path,) = require_split(description, "val").splits["val"]
    assert path.name == "person_keypoints_val.json"
    assert description.names == {0: "person"}
    assert description.schema.flip_idx == COCO_PERSON.flip_idx
    assert description.schema.oks_sigmas == COCO_PERSON.oks_sigmas


@pytest.mark.parametrize(
    ("figures", "error", "message"),
    [
        (7, DatasetTypeError, "f.yaml: `figures` is 7, expected numbers such as"),
        ({"trian": 5}, DatasetError, "f.yaml: `figures` has no 'trian': did you mean train?"),
        ({5: 5}, DatasetError, "f.yaml: `figures` has no 5, expected train, val, imgsz, seed"),
        ({"train": "5"}, DatasetTypeError, "f.yaml: `figures.train` is '5', expected a whole number"),
        ({"train": 0}, DatasetError, "`figures.train` is 0, expected 1 to 100000"),
        ({"imgsz": 10**30}, DatasetError, "`figures.imgsz` is a huge whole number, expected 64 to 4096"),
    ],
)
def test_wrong_values_are_told(draw, figures, error, message):
    with pytest.raises(error) as caught:
        draw(figures)
    assert message in str(caught.value)


def test_figures_beside_another_set_are_refused(draw):
    with pytest.raises(DatasetError, match="`train` and `figures` exclude each other"):
        draw(SMALL, train="images")
