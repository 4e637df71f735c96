from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    Text,
    Whole,
    takes,
)
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
