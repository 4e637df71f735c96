import pytest

from posekit.config.files import read_cfg
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
    with pytest.raises(SettingError, match="not a YAML file"):
        read_cfg(file)
