import json
import subprocess
import sys
from dataclasses import MISSING
from pathlib import Path

import pytest
import yaml

from posekit.cli.entry import MODE_HANDLERS, SPECIAL_HANDLERS
from posekit.config.commands import MODES, SPECIALS, TASKS, FiguresSettings
from posekit.config.kinds import defaults_of
from posekit.config.parse import write_value
from posekit.version import __version__

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def test_every_command_of_this_release_has_a_handler():
    assert set(SPECIAL_HANDLERS) == set(SPECIALS)
    assert set(MODE_HANDLERS) == {mode.name for mode in MODES.values() if mode.available}


def test_the_page_of_the_command_line_names_every_command_with_its_defaults():
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in SPECIAL_HANDLERS if f"`{name}" not in text] == []
    defaults = {key: value for key, value in defaults_of(FiguresSettings).items() if value is not MISSING}
    assert [key for key, value in defaults.items() if f"[{key}={write_value(value)}]" not in text] == []
    assert [task.model for task in TASKS.values() if f"`{task.model}`" not in text] == []


@pytest.mark.parametrize("word", ["version", "v", "-v", "--version"])
def test_version_prints_the_number_alone(posekit_command, word):
    done = posekit_command(word)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{__version__}\n", "")


@pytest.mark.parametrize("words", [[], ["help"], ["-h"], ["--help"], ["h"]])
def test_help_shows_usage_tasks_and_commands(posekit_command, words):
    done = posekit_command(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert "posekit [TASK] MODE [key=value ...]" in done.stdout
    assert all(word in done.stdout for word in ("multitask", "predict", "copy-cfg", "figures"))


def test_help_of_a_mode_lists_its_settings(posekit_command):
    done = posekit_command("predict", "--help")
    assert done.returncode == 0
    assert "conf=0.25" in done.stdout
    assert "detections with a lower score are dropped" in done.stdout


def test_checks_shows_the_system(posekit_command):
    done = posekit_command("checks")
    assert (done.returncode, done.stderr) == (0, "")
    lines = dict(line.split(None, 1) for line in done.stdout.splitlines())
    assert {"posekit", "OS", "Python", "RAM", "CPU", "CUDA"} <= lines.keys()
    assert lines["RAM"].endswith("GiB")


def test_cfg_prints_all_defaults_as_yaml(posekit_command):
    done = posekit_command("cfg")
    assert done.returncode == 0
    assert yaml.safe_load(done.stdout)["iou"] == 0.7


def test_copy_cfg_writes_a_file_once(posekit_command, folder):
    first = posekit_command("copy-cfg")
    assert first.returncode == 0
    file = folder / "default_copy.yaml"
    file.write_text("conf: 0.5\n")
    second = posekit_command("copy-cfg")
    assert second.returncode == 1
    assert second.stderr.startswith("ERROR")
    assert file.read_text() == "conf: 0.5\n"


def test_copy_cfg_leaves_no_half_file_on_a_full_disk(environment, folder):
    script = (
        "import resource, signal, sys; from posekit.cli import main\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))\n"
        "sys.exit(main(['copy-cfg']))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == f"ERROR {folder / 'default_copy.yaml'} cannot be written (File too large)\n"
    assert list(folder.iterdir()) == []


def test_settings_are_json_and_can_be_changed_and_reset(posekit_command):
    before = json.loads(posekit_command("settings").stdout)
    assert before["runs_dir"] == "runs"
    changed = posekit_command("settings", "runs_dir=123", "wandb=true")
    assert json.loads(changed.stdout) == before | {"runs_dir": "123", "wandb": True}
    assert json.loads(posekit_command("settings").stdout)["runs_dir"] == "123"
    assert json.loads(posekit_command("settings", "reset").stdout) == before
    assert json.loads(posekit_command("settings").stdout) == before


def test_an_unknown_user_setting_is_a_warning(posekit_command):
    done = posekit_command("settings", "runs_dri=x")
    assert done.returncode == 0
    assert done.stderr == "WARNING settings: 'runs_dri' is not a known setting: did you mean runs_dir=runs?\n"


def test_a_damaged_settings_file_is_one_line_and_reset_mends_it(posekit_command, environment, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "settings.json").write_text("{")
    done = posekit_command("settings")
    assert done.returncode == 1
    assert "posekit settings reset" in done.stderr
    assert posekit_command("settings", "reset").returncode == 0
    assert posekit_command("settings").returncode == 0


def test_info_needs_a_model(posekit_command):
    done = posekit_command("info")
    assert done.returncode == 2
    assert "model=FILE" in done.stderr


def test_figures_needs_a_folder(posekit_command):
    done = posekit_command("figures")
    assert done.returncode == 2
    assert "out=" in done.stderr


@pytest.mark.parametrize(("form", "labels"), [("yolo", "labels/train/000002.txt"), ("coco", "annotations")])
def test_figures_writes_a_data_set(posekit_command, folder, form, labels):
    done = posekit_command("figures", "out=people", "train=2", "val=1", "imgsz=[48,64]", f"form={form}")
    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / "people" / labels).exists()
    assert len(list((folder / "people").rglob("*.jpg"))) == 3


def test_figures_checks_its_settings(posekit_command):
    done = posekit_command("figures", "out=people", "form=voc")
    assert done.returncode == 1
    assert "yolo, coco" in done.stderr
