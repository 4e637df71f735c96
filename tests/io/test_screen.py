import sys

import pytest

from posekit.errors import MissingExtraError, SourceNotFoundError, SourceValueError
from posekit.io.live import ScreenSource, parse_screen


@pytest.mark.parametrize(
    ("text", "number", "region"),
    [
        ("screen", 0, None), ("screen 1", 1, None), ("screen 0 10 20 300 400", 0, (10, 20, 300, 400)),
        ("screen 10 20 300 400", 0, (10, 20, 300, 400)),
    ],
)  # fmt: skip
def test_forms_of_the_word(text, number, region):
    source = parse_screen(text)
    assert (source.number, source.region) == (number, region)
    assert (source.count, source.live, source.is_video) == (1, True, True)


@pytest.mark.parametrize("text", ["screen x", "screen 1 2", "screen -1", "screen 0 0 0 0 9", "screen 1 2 3 4 5 6"])
def test_other_forms_are_refused_with_the_right_ones(text):
    with pytest.raises(SourceValueError, match="screen NUMBER X Y WIDTH HEIGHT"):
        parse_screen(text)


def test_without_a_display_there_is_one_clear_error(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":987")
    with pytest.raises(SourceNotFoundError, match="screen 0: no screenshot can be taken"):
        list(ScreenSource())


def test_without_its_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mss", None)
    with pytest.raises(MissingExtraError, match=r"posekit\[screen\]"):
        list(ScreenSource())
