from pathlib import Path

import pytest

from posekit.files.user_folders import cache_folder, config_folder, data_folder

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
