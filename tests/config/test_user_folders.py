from pathlib import Path

import pytest

from posekit.config.user_folders import config_folder, data_folder

VARIABLES = ("POSEKIT_CONFIG_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "APPDATA", "LOCALAPPDATA")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch, tmp_path):
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))


@pytest.mark.parametrize(
    ("platform", "config", "data"),
    [
        ("linux", ".config/posekit", ".local/share/posekit"),
        ("darwin", "Library/Application Support/posekit", "Library/Application Support/posekit"),
        ("win32", "AppData/Roaming/posekit", "AppData/Local/posekit"),
    ],
)
def test_folders_follow_the_habit_of_the_system(monkeypatch, tmp_path, platform, config, data):
    monkeypatch.setattr("sys.platform", platform)
    assert config_folder() == tmp_path / config
    assert data_folder() == tmp_path / data


def test_xdg_variables_count_outside_windows(monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/etc/xdg")
    monkeypatch.setenv("XDG_DATA_HOME", "/srv/data")
    assert config_folder() == Path("/etc/xdg/posekit")
    assert data_folder() == Path("/srv/data/posekit")


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
