"""What a setting takes, how it is declared, and what is said of other values."""

import dataclasses
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.config.commands import MODES
from posekit.config.kinds import (
    BatchSize,
    Choice,
    Device,
    Either,
    Flag,
    ImageSize,
    Listing,
    Number,
    Optionally,
    Settings,
    Text,
    Transforms,
    Whole,
    again,
    defaults_of,
    near_matches,
    question,
    setting,
    settings_of,
    takes,
)
from posekit.config.settings import PredictSettings, RunSettings, TrainSettings
from posekit.errors import SettingError, SettingTypeError

TAKEN = [
    (Flag(), True, True),
    (Whole(1), 100.0, 100),
    (Whole(1), 1e2, 100),
    (Whole(-1), -1, -1),
    (Whole(), np.int64(7), 7),
    (Number(0, 1), 0, 0.0),
    (Number(0, 1), 1, 1.0),
    (Number(0), np.float32(0.5), 0.5),
    (Text(), Path("runs"), "runs"),
    (Choice(("SGD", "auto")), "sgd", "SGD"),
    (Choice((32, 16)), 16.0, 16),
    (Choice((32, 16)), "16", 16),
    (Listing(Whole()), 0, (0,)),
    (Listing(Whole()), np.array([0, 2]), (0, 2)),
    (Listing(Number(0), 2), [0.5, 1.5], (0.5, 1.5)),
    (ImageSize(), 640, 640),
    (ImageSize(), [640], 640),
    (ImageSize(), [320, 640], (320, 640)),
    (ImageSize(), (320.0, 640), (320, 640)),
    (BatchSize(), 16, 16),
    (BatchSize(), -1, -1),
    (BatchSize(), 0.7, 0.7),
    (Device(), 0, "0"),
    (Device(), "0, 1", "0,1"),
    (Device(), (0, 1), "0,1"),
    (Device(), "CPU", "cpu"),
    (Device(), ["cpu", "cpu"], "cpu,cpu"),
    (Device(), "cuda:1", "cuda:1"),
    (Device(), -1, "-1"),
    (Optionally(Whole()), None, None),
    (Optionally(Whole()), 3, 3),
    (Either(Flag(), Text()), "a.pt", "a.pt"),
    (Either(Flag(), Text()), False, False),
]

WRONG_TYPE = [
    (Flag(), 1),
    (Flag(), "yes"),
    (Whole(), True),
    (Whole(), 1.5),
    (Whole(), "abc"),
    (Whole(), None),
    (Number(0, 1), "0.5"),
    (Number(0, 1), True),
    (Text(), 5),
    (Text(), ""),
    (Choice(("val", "test")), 3),
    (Choice((32, 16)), "half"),
    (Listing(Number(0), 2), [0.5]),
    (Listing(Whole()), {"a": 1}),
    (ImageSize(), "big"),
    (BatchSize(), 2.5),
    (Device(), 0.5),
    (Either(Flag(), Choice(("ram",))), 7),
]

OUT_OF_RANGE = [
    (Whole(1), 0),
    (Whole(0, 9), 10),
    (Number(0, 1), 1.5),
    (Number(0, 1), float("nan")),
    (Number(0), float("inf")),
    (Choice(("val", "test")), "vla"),
    (Choice((32, 16)), 8),
    (ImageSize(), 0),
    (ImageSize(), [1, 2, 3]),
    (ImageSize(), []),
    (BatchSize(), 0),
    (BatchSize(), -2),
    (Device(), "gpu"),
    (Device(), "cpu,0"),
    (Device(), -2),
    (Either(Number(0, 1), Choice(("ram",))), 7),
]


@pytest.mark.parametrize(("kind", "value", "stored"), TAKEN)
def test_a_fitting_value_is_brought_to_its_stored_form(kind, value, stored):
    read = kind.read("key", value)
    assert read == stored
    assert type(read) is type(stored)
    assert takes(kind, value)


@pytest.mark.parametrize(("kind", "value"), WRONG_TYPE)
def test_a_value_of_the_wrong_type_is_a_type_error_that_names_the_key_and_what_was_expected(kind, value):
    with pytest.raises(TypeError, match="key=") as caught:
        kind.read("key", value)
    assert isinstance(caught.value, SettingTypeError)
    assert "expected" in str(caught.value)
    assert not takes(kind, value)


@pytest.mark.parametrize(("kind", "value"), OUT_OF_RANGE)
def test_a_value_out_of_range_is_a_value_error_that_names_the_range(kind, value):
    with pytest.raises(ValueError, match="key=") as caught:
        kind.read("key", value)
    assert isinstance(caught.value, SettingError)
    assert "expected" in str(caught.value)


def test_a_device_object_counts_by_its_text():
    import torch

    assert Device().read("device", torch.device("cuda", 1)) == "cuda:1"


def test_an_unknown_choice_names_the_nearest_one():
    with pytest.raises(SettingError, match="did you mean onnx"):
        Choice(("onnx", "engine")).read("format", "onx")


@given(st.floats(0, 1))
def test_every_number_of_the_range_is_taken_unchanged(value):
    assert Number(0, 1).read("key", value) == value


@given(st.floats(allow_nan=False).filter(lambda value: not 0 <= value <= 1))
def test_no_number_outside_the_range_is_taken(value):
    assert not takes(Number(0, 1), value)


@given(st.integers(-(2**70), 2**70))
def test_large_whole_numbers_keep_all_their_digits(value):
    assert Whole(-(2**71)).read("key", value) == value


@pytest.mark.parametrize("kind", [Whole(), Number(), BatchSize(), ImageSize(), Choice((16, 32))])
def test_a_number_without_end_is_out_of_range_and_told_in_short(kind):
    with pytest.raises(SettingError, match="key=9999") as caught:
        kind.read("key", 10**4000 - 1)
    assert len(str(caught.value)) < 400


def test_a_long_value_is_told_in_short():
    with pytest.raises(SettingTypeError) as caught:
        Flag().read("key", "x" * 5000)
    assert len(str(caught.value)) < 300


def twist(image):
    return image


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ([twist], (twist,)),
        (twist, (twist,)),
        ([], ()),
        ([{"transform": {}}], ({"transform": {}},)),
        ("own.yaml", "own.yaml"),
    ],
)
def test_transforms_are_kept_as_a_tuple_and_files_as_their_name(value, stored):
    assert Transforms().read("augmentations", value) == stored
    assert TrainSettings(augmentations=stored).augmentations == stored


@pytest.mark.parametrize("value", [3, ["Blur"], [twist, 0.5], "", True])
def test_what_cannot_be_a_transform_is_of_the_wrong_type(value):
    with pytest.raises(SettingTypeError, match=r"augmentations=.*expected .*a list of albumentations transforms, or a"):
        TrainSettings(augmentations=value)


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


def test_the_nearest_word_comes_first():
    assert near_matches("predct", ["train", "predict", "project"])[0] == "predict"


def test_upper_case_does_not_hide_a_match():
    assert near_matches("sgd", ["SGD", "Adam"]) == ["SGD"]


def test_a_question_shows_defaults_where_there_are_any():
    assert question("cnf", ["conf", "cfg"], {"conf": "0.25"}) == ": did you mean conf=0.25 or cfg?"


def test_without_a_match_there_is_no_question():
    assert question("zzzz", ["conf"]) == ""
