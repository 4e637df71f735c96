"""The values of a dataset YAML."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.data.description import (
    KNOWN_KEYS,
    SPLITS,
    is_address,
    read_annotations,
    read_channels,
    read_downloads,
    read_layout,
    read_names,
    read_picture_folders,
    read_splits,
    read_text,
    warn_of_typos,
)
from posekit.errors import DatasetError, DatasetTypeError

READERS = [
    read_splits, read_names, read_channels, read_layout, read_picture_folders, read_annotations, read_downloads,
]  # fmt: skip


def test_a_split_may_be_a_text_or_a_list():
    keys = {"train": ["a", "b"], "val": "c", "test": None}
    assert read_splits(keys, "d.yaml") == {"train": ("a", "b"), "val": ("c",)}


def test_other_words_for_splits():
    assert read_splits({"train": "a", "validation": "b", "minival": "c"}, "d.yaml") == {
        "train": ("a",),
        "val": ("b",),
        "test": ("c",),
    }


def test_a_split_given_twice_must_agree():
    assert read_splits({"val": "a", "validation": "a"}, "d.yaml") == {"val": ("a",)}
    with pytest.raises(DatasetError, match="`val` and `validation` name the same split"):
        read_splits({"val": "a", "validation": "b"}, "d.yaml")


@pytest.mark.parametrize("value", [3, {"a": "b"}, ["a", 3], ["a", ""], True, [["a"]]])
def test_a_split_of_a_wrong_type_is_named(value):
    with pytest.raises(DatasetTypeError, match=r"d.yaml: `val` is .*, expected a text or a list of texts"):
        read_splits({"val": value}, "d.yaml")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"names": ["a", "b"]}, {0: "a", 1: "b"}),
        ({"names": {1: "b", 0: "a"}, "nc": 2}, {0: "a", 1: "b"}),
        ({"names": {"0": "a", "1": 7}}, {0: "a", 1: "7"}),
        ({"nc": 3}, {0: "class_0", 1: "class_1", 2: "class_2"}),
        ({}, None),
    ],
)
def test_class_names(keys, expected):
    assert read_names(keys, "d.yaml") == expected
    assert expected is None or list(read_names(keys, "d.yaml")) == list(expected)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"names": ["a"], "nc": 2}, "`nc` is 2, but `names` lists 1"),
        ({"names": {0: "a", 2: "b"}}, "has 2 classes but no class 1: number them 0 to 1"),
        ({"names": {1: "a"}}, "no class 0"),
        ({"names": {-1: "a", 0: "b"}}, "no class 1"),
        ({"names": []}, "`names` is empty"),
        ({"nc": 0}, "expected a number of classes from 1"),
        ({"nc": 10**12}, "a huge whole number"),
    ],
)
def test_class_names_that_contradict_themselves(keys, message):
    with pytest.raises(DatasetError, match=message):
        read_names(keys, "d.yaml")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"names": "person"}, "`names` is 'person', expected a list"),
        ({"names": [True, False]}, "`names.0` is True, expected a text: write it in quotes"),
        ({"names": {None: "a"}}, "`names` is None, expected class numbers as keys"),
        ({"names": {True: "a"}}, "`names` is True, expected class numbers"),
        ({"names": [None]}, "`names.0` is None"),
        ({"names": [["a"]]}, "`names.0` is a list of 1"),
        ({"nc": "two"}, "`nc` is 'two', expected a whole number"),
        ({"nc": 2.0}, "`nc` is 2.0"),
        ({"nc": True}, "`nc` is True"),
    ],
)
def test_class_names_of_a_wrong_type(keys, message):
    with pytest.raises(DatasetTypeError, match=f"^d.yaml: {message}"):
        read_names(keys, "d.yaml")


def test_only_three_channels_are_read():
    assert read_channels({}, "d.yaml") == 3
    with pytest.raises(DatasetError, match="`channels` is 1, but this release reads pictures of 3 channels only"):
        read_channels({"channels": 1}, "d.yaml")
    with pytest.raises(DatasetTypeError, match="`channels` is 'three'"):
        read_channels({"channels": "three"}, "d.yaml")


def test_the_layout_is_one_of_two():
    assert read_layout({"layout": "keypoints_polygon"}, "d.yaml") == "keypoints_polygon"
    with pytest.raises(DatasetError, match="`layout` is 'boxes', expected box_keypoints_polygon or keypoints_polygon"):
        read_layout({"layout": "boxes"}, "d.yaml")
    with pytest.raises(DatasetTypeError, match="`layout` is 5"):
        read_layout({"layout": 5}, "d.yaml")


def test_picture_folders_hold_for_all_splits_or_for_one():
    assert read_picture_folders({"images": "pics"}, "d.yaml") == dict.fromkeys(("train", "val", "test"), ("pics",))
    assert read_picture_folders({"images": {"val": ["a", "b"]}}, "d.yaml") == {"val": ("a", "b")}
    with pytest.raises(DatasetError, match="`images` names 'valid', expected train, val, test"):
        read_picture_folders({"images": {"valid": "a"}}, "d.yaml")


def test_annotations_are_one_file_per_split():
    assert read_annotations({"annotations": {"val": "v.json"}}, "d.yaml") == {"val": "v.json"}
    with pytest.raises(DatasetTypeError, match=r"`annotations` is 'v.json', expected one COCO JSON file per split"):
        read_annotations({"annotations": "v.json"}, "d.yaml")
    with pytest.raises(DatasetTypeError, match=r"`annotations.val` is a list of 2, expected one COCO JSON file"):
        read_annotations({"annotations": {"val": ["a.json", "b.json"]}}, "d.yaml")


def test_downloads_with_and_without_folders():
    assert read_downloads({"download": "https://a/b.zip"}, "d.yaml") == {"https://a/b.zip": ""}
    keys = {"download": {"": "https://a/l.zip", "images": ["https://a/t.zip", "https://a/v.zip"]}}
    assert read_downloads(keys, "d.yaml") == {
        "https://a/l.zip": "",
        "https://a/t.zip": "images",
        "https://a/v.zip": "images",
    }
    with pytest.raises(DatasetTypeError, match="`download` is 7"):
        read_downloads({"download": [7]}, "d.yaml")
    with pytest.raises(DatasetTypeError, match="`download` is 7, expected folders as keys"):
        read_downloads({"download": {7: "https://a/b.zip"}}, "d.yaml")


@pytest.mark.parametrize(
    "entry", ["bash get.sh", "import os\nos.system('x')", "ftp://a/b.zip", "file:///etc", "https://"]
)
def test_scripts_are_no_addresses(entry):
    assert not is_address(entry)
    assert is_address("https://a.org/b.zip\n")


def test_texts():
    assert read_text({"path": ""}, "path", "d.yaml") is None
    with pytest.raises(DatasetTypeError, match=r"d.yaml: `path` is 3, expected a text"):
        read_text({"path": 3}, "path", "d.yaml")


def test_misspelt_keys_are_told_and_others_left_alone(caplog):
    warn_of_typos({"path": ".", "kpt_shpae": [17, 3], "roboflow": {}, "license": "MIT", "name": "x"}, "d.yaml")
    assert caplog.messages == [
        "d.yaml: `kpt_shpae` is not a known key and is left alone: did you mean `kpt_shape`?",
        "d.yaml: `name` is not a known key and is left alone: did you mean `names`?",
    ]
    caplog.clear()
    warn_of_typos({"name": "x", "names": ["a"]}, "d.yaml")
    assert caplog.messages == []


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(SPLITS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(READERS), st.dictionaries(st.sampled_from(KNOWN_KEYS), VALUES, max_size=6))
def test_any_values_give_an_answer_or_one_line_of_ours(reader, keys):
    text = complaint(reader, keys)
    assert text is None or text.startswith("d.yaml: `")
    assert text is None or len(text) < 300


def complaint(reader, keys):
    try:
        reader(keys, "d.yaml")
    except (DatasetError, DatasetTypeError) as error:
        return str(error)
    return None


def test_every_key_is_in_the_documentation():
    page = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text(encoding="utf-8")
    assert [key for key in KNOWN_KEYS if f"`{key}`" not in page] == []
