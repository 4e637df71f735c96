import os

import pytest

from posekit.config.read import read_cfg
from posekit.errors import SettingError


def test_values_are_read_as_on_the_command_line(tmp_path):
    file = tmp_path / "cfg.yaml"
    file.write_text("lr0: 1e-3\nconf: none\nsave: true\nimgsz: [320, 640]\nname: 123\nproject:\nmodel: a.pt\n")
    assert read_cfg(file) == {
        "lr0": 0.001, "conf": None, "save": True, "imgsz": [320, 640], "name": "123", "project": None, "model": "a.pt",
    }  # fmt: skip


def test_a_missing_file_is_an_error_with_its_name(tmp_path):
    with pytest.raises(SettingError, match=r"nix\.yaml.*no such file"):
        read_cfg(tmp_path / "nix.yaml")


@pytest.mark.parametrize("content", ["- 1\n- 2\n", "just text", "", "1: 2\n"])
def test_a_file_without_keys_is_an_error(tmp_path, content):
    file = tmp_path / "cfg.yaml"
    file.write_text(content)
    with pytest.raises(SettingError, match="key: value"):
        read_cfg(file)


@pytest.mark.parametrize("content", [b"a: [1\nb: 2", b"\xff\xfe\x00", b"a: !!python/object/apply:os.getcwd []"])
def test_a_file_that_is_no_plain_yaml_is_an_error(tmp_path, content):
    file = tmp_path / "cfg.yaml"
    file.write_bytes(content)
    with pytest.raises(SettingError, match="no valid YAML"):
        read_cfg(file)


def test_what_looks_like_a_date_but_is_none_is_an_error(tmp_path):
    (tmp_path / "cfg.yaml").write_text("name: 2024-99-99")
    with pytest.raises(SettingError, match=r"cfg\.yaml: is no valid YAML: month must be in 1\.\.12"):
        read_cfg(tmp_path / "cfg.yaml")


def test_endless_nesting_is_an_error(tmp_path):
    (tmp_path / "cfg.yaml").write_text("[" * 10_000)
    with pytest.raises(SettingError, match="nested too deeply"):
        read_cfg(tmp_path / "cfg.yaml")


def test_a_folder_or_a_pipe_is_told_from_a_missing_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    for path in (tmp_path, tmp_path / "pipe.yaml"):
        with pytest.raises(SettingError, match="not a file"):
            read_cfg(path)


def test_a_path_that_cannot_be_looked_up_is_an_error():
    with pytest.raises(SettingError, match=r"cannot be read \(File name too long\)"):
        read_cfg("x" * 5000)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_does_no_harm(tmp_path, encoding):
    (tmp_path / "cfg.yaml").write_text("conf: 0.5\n", encoding=encoding)
    assert read_cfg(tmp_path / "cfg.yaml") == {"conf": 0.5}
