import dataclasses
from typing import Literal

import pytest

from posekit.config.commands import MODES
from posekit.config.kinds import ImageSize, Settings, Whole, again, defaults_of, setting, settings_of
from posekit.config.settings import PredictSettings, RunSettings
from posekit.errors import SettingError, SettingTypeError


def test_settings_cannot_be_changed_after_construction():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PredictSettings().conf = 0.5


def test_settings_take_keywords_only():
    with pytest.raises(TypeError, match="positional"):
        PredictSettings(0.5)


def test_construction_checks_values_and_stores_their_plain_form():
    assert PredictSettings(conf=1, classes=[0, 2], device=0).classes == (0, 2)
    assert PredictSettings(device=0).device == "0"
    with pytest.raises(SettingError, match="conf"):
        PredictSettings(conf=1.5)
    with pytest.raises(SettingTypeError, match="show"):
        PredictSettings(show=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Declared(Settings):
    count: int = setting(3, "how many", "frames", low=1, high=9)
    share: float | None = setting(None, "how much", high=1)
    word: bool | Literal["a", "b"] = setting(True, "which")
    folder: str = setting("x", "where", what="a folder")
    layers: int | tuple[int | str, ...] = setting(1, "which layers")
    pair: tuple[float, float] = setting((0.0, 1.0), "from, to")
    size: int | tuple[int, int] | None = setting(None, "how large", kind=ImageSize())


def test_the_annotation_tells_what_a_setting_takes():
    expected = {key: described.kind.expected for key, described in settings_of(Declared).items()}
    assert expected == {
        "count": "a whole number from 1 to 9",
        "share": "none or a number from 0 to 1",
        "word": "true or false or one of a, b",
        "folder": "a folder",
        "layers": "a whole number of at least 0 or a list of values, each a whole number of at least 0 or text",
        "pair": "a list of 2, each a number of at least 0",
        "size": f"none or {ImageSize.expected}",
    }


def test_an_annotation_that_tells_no_values_needs_a_kind():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Unclear(Settings):
        source: object = setting(None, "anything")

    with pytest.raises(TypeError, match="need kind="):
        Unclear()


def test_again_changes_the_default_and_keeps_the_meaning():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Narrower(Settings):
        batch: int = again(RunSettings, "batch", default=1, kind=Whole(1))
        imgsz: int | None = again(RunSettings, "imgsz", default=None)

    described, original = settings_of(Narrower), settings_of(RunSettings)
    assert defaults_of(Narrower) == {"batch": 1, "imgsz": None}
    assert described["batch"].meaning == original["batch"].meaning
    assert described["batch"].kind.expected == "a whole number of at least 1"
    assert described["imgsz"] == original["imgsz"]


def test_setting_keeps_what_the_tables_need():
    described = settings_of(Declared)["count"]
    assert (described.meaning, described.unit) == ("how many", "frames")
    assert defaults_of(Declared)["count"] == 3


@pytest.mark.parametrize("mode", MODES.values(), ids=lambda mode: mode.name)
def test_every_default_is_a_value_that_its_setting_takes_as_it_stands(mode):
    for key, default in defaults_of(mode.settings).items():
        assert settings_of(mode.settings)[key].kind.read(key, default) == default, key


@pytest.mark.parametrize("mode", MODES.values(), ids=lambda mode: mode.name)
def test_settings_are_hashable_so_that_they_can_be_remembered(mode):
    assert hash(mode.settings()) == hash(mode.settings())
