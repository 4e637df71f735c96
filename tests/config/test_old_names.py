import pytest

from posekit.config.commands import modes_by_key
from posekit.config.read import IGNORED, RENAMED, current_names
from posekit.errors import SettingError, SettingTypeError


@pytest.mark.parametrize(
    ("given", "current"),
    [
        ({"boxes": False}, {"show_boxes": False}),
        ({"hide_labels": True}, {"show_labels": False}),
        ({"hide_conf": False}, {"show_conf": True}),
        ({"line_thickness": 3}, {"line_width": 3}),
        ({"end2end": True}, {"nms": False}),
    ],
)
def test_an_old_name_is_mapped_with_a_warning(given, current, caplog):
    assert current_names(given) == current
    assert next(iter(given)) in caplog.text
    assert next(iter(current)) in caplog.text


@pytest.mark.parametrize(
    ("given", "bits"),
    [
        ({"half": True}, 16),
        ({"half": False}, 32),
        ({"int8": True}, 8),
        ({"quantize": 16}, 16),
        ({"quantize": 8}, 8),
        ({"precision": 16}, 16),
        ({"half": True, "quantize": 16}, 16),
        ({"half": True, "int8": False}, 16),
    ],
)
def test_all_ways_to_ask_for_a_precision_end_in_one_setting(given, bits, caplog):
    assert current_names(given) == {"precision": bits}
    assert not caplog.records


@pytest.mark.parametrize("given", [{}, {"half": None}, {"quantize": None}])
def test_no_precision_asked_for_leaves_the_default(given):
    assert current_names(given) == {}


def test_two_precisions_are_an_error():
    with pytest.raises(SettingError, match="half=True and int8=True"):
        current_names({"half": True, "int8": True})


def test_old_and_new_name_together_are_an_error():
    with pytest.raises(SettingError, match="hide_labels"):
        current_names({"hide_labels": True, "show_labels": True})


@pytest.mark.parametrize("key", ["hide_conf", "half"])
def test_a_flag_under_an_old_name_must_be_true_or_false(key):
    with pytest.raises(SettingTypeError, match=key):
        current_names({key: "maybe"})


@pytest.mark.parametrize("key", sorted(IGNORED))
def test_a_removed_setting_is_dropped_with_a_warning(key, caplog):
    assert current_names({key: 1, "conf": 0.5}) == {"conf": 0.5}
    assert f"'{key}' has no effect" in caplog.text


def test_no_name_is_both_old_and_current():
    assert not modes_by_key().keys() & (RENAMED.keys() | IGNORED.keys())
    assert {name for name, _ in RENAMED.values()} <= modes_by_key().keys()
