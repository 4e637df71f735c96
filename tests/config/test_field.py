import dataclasses

import pytest

from posekit.config.commands import MODES
from posekit.config.kinds import Setting, Whole, again, defaults_of, setting, settings_of
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


def test_again_changes_the_default_and_keeps_the_meaning():
    field = again(RunSettings, "batch", default=1, kind=Whole(1))
    original = settings_of(RunSettings)["batch"]
    assert field.default == 1
    assert field.metadata["setting"].meaning == original.meaning
    assert field.metadata["setting"].kind == Whole(1)


def test_setting_keeps_what_the_tables_need():
    field = setting(3, Whole(), "how many", "frames")
    assert field.default == 3
    assert field.metadata["setting"] == Setting(Whole(), "how many", "frames")


@pytest.mark.parametrize("mode", MODES.values(), ids=lambda mode: mode.name)
def test_every_default_is_a_value_that_its_setting_takes_as_it_stands(mode):
    for key, default in defaults_of(mode.settings).items():
        assert settings_of(mode.settings)[key].kind.read(key, default) == default, key


@pytest.mark.parametrize("mode", MODES.values(), ids=lambda mode: mode.name)
def test_settings_are_hashable_so_that_they_can_be_remembered(mode):
    assert hash(mode.settings()) == hash(mode.settings())
