"""The user's own settings and folders."""

import json
import os
import resource
from pathlib import Path

import pytest

from posekit.config.user import as_dict, change_user_settings, load_user_settings, reset_user_settings, settings_file
from posekit.errors import OutputError, SettingError, SettingTypeError
from posekit.files.user_folders import cache_folder, config_folder, data_folder


@pytest.fixture(autouse=True)
def own_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("POSEKIT_CONFIG_DIR", str(tmp_path / "config"))


def test_without_a_file_the_defaults_hold_and_nothing_is_written():
    settings = load_user_settings()
    assert settings.runs_dir == "runs"
    assert settings.weights_dir == str(data_folder() / "weights")
    assert not settings.wandb
    assert not settings_file().parent.exists()


def test_a_change_is_stored_and_leaves_the_rest_alone():
    change_user_settings({"runs_dir": "elsewhere"})
    change_user_settings({"wandb": True})
    assert load_user_settings().runs_dir == "elsewhere"
    assert load_user_settings().wandb
    assert json.loads(settings_file().read_text()) == {"runs_dir": "elsewhere", "wandb": True}


def test_the_home_sign_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert change_user_settings({"runs_dir": "~/runs"}).runs_dir == str(tmp_path / "runs")


def test_an_unknown_key_is_a_warning_with_near_matches_and_is_not_stored(caplog):
    change_user_settings({"runs_dri": "x", "wandb": True})
    assert "'runs_dri'" in caplog.text
    assert "runs_dir=runs" in caplog.text
    assert json.loads(settings_file().read_text()) == {"wandb": True}


def test_a_wrong_type_stores_nothing():
    change_user_settings({"wandb": True})
    with pytest.raises(SettingTypeError, match="mlflow"):
        change_user_settings({"mlflow": 5, "wandb": False})
    assert load_user_settings().wandb


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"wandb": 3}', "\ud800", "[" * 100_000, '{"runs_dir": "~nobody-here/x"}', '{"runs_dir": "a\\u0000"}'],
)
def test_a_damaged_file_is_an_error_that_says_how_to_reset(content):
    settings_file().parent.mkdir(parents=True)
    settings_file().write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(SettingError, match="posekit settings reset") as caught:
        load_user_settings()
    assert str(settings_file()) in str(caught.value)


def test_reset_mends_a_damaged_file():
    settings_file().parent.mkdir(parents=True)
    settings_file().write_text("{")
    assert reset_user_settings() == load_user_settings()


def test_writing_leaves_no_other_file_behind():
    change_user_settings({"runs_dir": "x"})
    reset_user_settings()
    assert [file.name for file in settings_file().parent.iterdir()] == ["settings.json"]


def test_a_failed_write_keeps_the_old_file():
    change_user_settings({"runs_dir": "before"})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        with pytest.raises(OutputError, match=r"settings\.json cannot be written .*POSEKIT_CONFIG_DIR"):
            change_user_settings({"runs_dir": "after"})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert load_user_settings().runs_dir == "before"
    assert [file.name for file in settings_file().parent.iterdir()] == ["settings.json"]


def test_all_settings_have_a_plain_form():
    assert list(as_dict(load_user_settings())) == [
        "datasets_dir", "weights_dir", "runs_dir", "tensorboard", "wandb", "mlflow",
    ]  # fmt: skip


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_no_file_is_an_error_and_never_waited_for(make):
    settings_file().parent.mkdir(parents=True)
    make(settings_file())
    with pytest.raises(SettingError, match=r"settings\.json: is a .*, not a file"):
        load_user_settings()


def test_a_folder_that_cannot_be_made_is_told(monkeypatch):
    monkeypatch.setenv("POSEKIT_CONFIG_DIR", "/dev/null/here")
    assert load_user_settings().runs_dir == "runs"
    with pytest.raises(OutputError, match="cannot be written"):
        reset_user_settings()


def test_a_folder_of_an_unknown_user_is_taken_as_it_is_written(monkeypatch):
    monkeypatch.setenv("POSEKIT_CONFIG_DIR", "~nobody-here/x")
    assert str(settings_file()) == str(Path("~nobody-here") / "x" / "settings.json")


VARIABLES = (
    "POSEKIT_CONFIG_DIR", "POSEKIT_CACHE_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "APPDATA",
    "LOCALAPPDATA",
)  # fmt: skip


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch, tmp_path):
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))


@pytest.mark.parametrize(
    ("platform", "config", "data", "cache"),
    [
        ("linux", ".config/posekit", ".local/share/posekit", ".cache/posekit"),
        (
            "darwin",
            "Library/Application Support/posekit",
            "Library/Application Support/posekit",
            "Library/Caches/posekit",
        ),
        ("win32", "AppData/Roaming/posekit", "AppData/Local/posekit", "AppData/Local/posekit"),
    ],
)
def test_folders_follow_the_habit_of_the_system(monkeypatch, tmp_path, platform, config, data, cache):
    monkeypatch.setattr("sys.platform", platform)
    assert config_folder() == tmp_path / config
    assert data_folder() == tmp_path / data
    assert cache_folder() == tmp_path / cache


def test_xdg_variables_count_outside_windows(monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/etc/xdg")
    monkeypatch.setenv("XDG_DATA_HOME", "/srv/data")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache")
    assert config_folder() == Path("/etc/xdg/posekit")
    assert data_folder() == Path("/srv/data/posekit")
    assert cache_folder() == Path("/var/cache/posekit")


def test_appdata_counts_on_windows(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("APPDATA", str(tmp_path / "roaming"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert config_folder() == tmp_path / "roaming" / "posekit"
    assert data_folder() == tmp_path / "local" / "posekit"


def test_posekit_config_dir_wins(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", "/etc/xdg")
    monkeypatch.setenv("POSEKIT_CONFIG_DIR", str(tmp_path / "own"))
    assert config_folder() == tmp_path / "own"


def test_posekit_cache_dir_wins(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache")
    monkeypatch.setenv("POSEKIT_CACHE_DIR", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
