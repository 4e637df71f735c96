import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.data.find_dataset import parse_keys, read_keys
from posekit.errors import DatasetError
from posekit.files.reading import LARGEST_YAML as MAX_BYTES


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_in_the_usual_encodings_is_read(encoding):
    assert parse_keys("names: [Löwe, 熊]\n".encode(encoding), "a.yaml") == {"names": ["Löwe", "熊"]}


def test_a_syntax_error_is_told_with_line_and_column():
    with pytest.raises(DatasetError, match=r"^set/a\.yaml:2:14: no valid YAML here: mapping values are not allowed"):
        parse_keys(b"path: .\ntrain: images: b\n", "set/a.yaml")


@pytest.mark.parametrize("text", ["train: a\nval: b\ntrain: c\n", "names:\n  0: a\n  0: b\n", "{a: 1, a: 1}"])
def test_a_key_that_stands_twice_is_refused_with_its_line(text):
    with pytest.raises(DatasetError, match=r"a\.yaml:\d+:\d+: no valid YAML here: '\w+' stands a second time"):
        parse_keys(text.encode(), "a.yaml")


def test_anchors_and_merges_are_no_repetition():
    text = b"base: &b {x: 1, y: 2}\nmore: {<<: *b, x: 3}\n"
    assert parse_keys(text, "a.yaml")["more"] == {"x": 3, "y": 2}


@pytest.mark.parametrize(
    ("text", "found"),
    [("", "None"), ("- a\n- b\n", "a list of 2"), ("just text", "'just text'"), ("7", "7")],
)
def test_something_else_than_keys_is_refused(text, found):
    with pytest.raises(DatasetError, match=f"a.yaml: holds {found}, expected lines of the form 'key: value'"):
        parse_keys(text.encode(), "a.yaml")


def test_class_numbers_outside_names_are_told_where_they_belong():
    with pytest.raises(DatasetError, match=r"a.yaml: 0 is no key of a data set: .* indent it under `names:`"):
        parse_keys(b"names:\n0: person\n", "a.yaml")


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
        parse_keys(content, "a.yaml")
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=200))
def test_any_bytes_give_keys_or_an_error_of_ours(content):
    answer = parsed_or_complaint(content)
    assert answer.startswith("a.yaml") if isinstance(answer, str) else all(isinstance(key, str) for key in answer)


def parsed_or_complaint(content):
    try:
        return parse_keys(content, "a.yaml")
    except DatasetError as error:
        return str(error)


def test_a_file_that_cannot_be_one_is_not_read(tmp_path):
    path = tmp_path / "big.yaml"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(DatasetError, match="more than the 16,777,216 allowed"):
        read_keys(path)
    with pytest.raises(DatasetError, match="is a folder"):
        read_keys(tmp_path)
