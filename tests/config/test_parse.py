import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.config.parse import TEXT_KEYS, join_words, read_pair, read_value, write_value
from posekit.errors import UnknownSettingError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("none", None),
        ("None", None),
        ("NONE", None),
        ("true", True),
        ("True", True),
        ("TRUE", True),
        ("false", False),
        ("False", False),
        ("640", 640),
        ("-1", -1),
        ("0.25", 0.25),
        ("1e2", 100.0),
        ("[320, 640]", [320, 640]),
        ("0,1", (0, 1)),
        ("'quoted'", "quoted"),
        ("yolov8n-pose.pt", "yolov8n-pose.pt"),
        ("https://example.org/bus.jpg", "https://example.org/bus.jpg"),
        ("screen 0 1 2 3 4", "screen 0 1 2 3 4"),
        ("C:\\data\\new", "C:\\data\\new"),
        ("2024-01-01", "2024-01-01"),
        ("[a.jpg", "[a.jpg"),
        ("1if", "1if"),
        ("__import__('os')", "__import__('os')"),
        ("(" * 500, "(" * 500),
    ],
)
def test_a_value_is_none_true_false_a_literal_or_text(text, value):
    assert read_value("key", text) == value
    assert type(read_value("key", text)) is type(value)


@pytest.mark.parametrize("text", ["123", "true", "none", "[1]"])
def test_names_and_folders_stay_text(text):
    assert {read_value(key, text) for key in TEXT_KEYS} == {text}


def test_name_and_project_are_among_the_text_keys():
    assert {"name", "project"} <= TEXT_KEYS


VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False))


@given(VALUES | st.lists(VALUES | st.text()))
def test_reading_a_written_value_gives_it_back(value):
    assert read_value("key", write_value(value)) == value


@given(st.text())
def test_any_text_survives_when_quoted_and_never_fails_unquoted(text):
    assert read_value("key", repr(text)) == text
    read_value("key", text)


@pytest.mark.parametrize(
    ("words", "joined"),
    [
        (["conf", "=", "0.5"], ["conf=0.5"]),
        (["conf=", "0.5"], ["conf=0.5"]),
        (["conf", "=0.5"], ["conf=0.5"]),
        (["imgsz=[320,", "640]"], ["imgsz=[320, 640]"]),
        (["imgsz", "=", "[320,", "640", "]", "save"], ["imgsz=[320, 640 ]", "save"]),
        (["imgsz=(320,", "640)"], ["imgsz=(320, 640)"]),
        (["source=", "https://example.org/a?b=c"], ["source=https://example.org/a?b=c"]),
        (["pose", "predict", "conf=0.5"], ["pose", "predict", "conf=0.5"]),
        (["source=img[0-9].jpg", "conf=0.5"], ["source=img[0-9].jpg", "conf=0.5"]),
        (["conf=", "iou=0.5"], ["conf=", "iou=0.5"]),
        (["imgsz=[320", "conf=0.5"], ["imgsz=[320", "conf=0.5"]),
        ([], []),
    ],
)
def test_words_that_the_shell_split_are_joined(words, joined):
    assert join_words(words) == joined


@given(st.lists(st.from_regex(r"[a-z]{1,5}(=[a-z0-9.]{1,5})?", fullmatch=True)))
def test_joining_leaves_whole_words_alone(words):
    assert join_words(words) == words


@pytest.mark.parametrize(
    ("word", "pair"),
    [
        ("conf=0.5", ("conf", "0.5")),
        ("source=a=b.jpg", ("source", "a=b.jpg")),
        ("name= x ", ("name", "x")),
        ("source=smile:).jpg", ("source", "smile:).jpg")),
        ("source=img[0-9]", ("source", "img[0-9]")),
        ("predict", None),
        ("https://example.org/?a=b", None),
        ("--debug", None),
    ],
)
def test_a_pair_is_split_at_the_first_equals_sign(word, pair):
    assert read_pair(word) == pair


@pytest.mark.parametrize(
    ("word", "pair"),
    [
        ("--conf=0.5", ("conf", "0.5")),
        ("-conf=0.5", ("conf", "0.5")),
        ("--save-txt=true", ("save_txt", "true")),
        ("conf=0.5,", ("conf", "0.5")),
    ],
)
def test_dashes_and_a_trailing_comma_are_tolerated_with_a_warning(word, pair, caplog):
    assert read_pair(word) == pair
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.parametrize("word", ["conf=", "conf=,", "--conf=", "conf= "])
def test_an_empty_value_is_a_syntax_error(word):
    with pytest.raises(SyntaxError, match="conf") as caught:
        read_pair(word)
    assert isinstance(caught.value, UnknownSettingError)


@pytest.mark.parametrize("word", ["imgsz=[320", "imgsz=320]", "imgsz=[320, [640]", "imgsz=(320", "imgsz=320)"])
def test_an_unmatched_bracket_is_a_syntax_error(word):
    with pytest.raises(SyntaxError, match="bracket"):
        read_pair(word)
