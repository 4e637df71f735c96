"""Converters in environments of their own: what they are given, what they may not do, and what errors say."""

import json
import sys

import pytest

from posekit.errors import ExportError, SettingError
from posekit.export.converter import run_converter

REPORT = """
import json, os, pathlib, sys
arguments = json.loads(sys.argv[1])
told = {"arguments": arguments, "here": os.listdir(), "cwd": os.getcwd(), "path": sys.path,
        "env": {key: os.environ.get(key) for key in ("PIP_REQUIRE_VIRTUALENV", "PIP_NO_INDEX", "PYTHONPATH")}}
pathlib.Path(arguments["report"]).write_text(json.dumps(told))
"""


def run(tmp_path, text, python=sys.executable, **arguments):
    script = tmp_path / "script.py"
    script.write_text(text)
    run_converter("paddle", python, script, arguments, tmp_path / "paddle.txt")


def test_a_converter_gets_full_paths_and_an_empty_folder_that_goes_away(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(tmp_path, REPORT, report=(tmp_path / "told.json").relative_to(tmp_path), sides=[320, 256])
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["arguments"] == {"report": str(tmp_path / "told.json"), "sides": [320, 256]}
    assert told["here"] == []
    assert told["cwd"] != str(tmp_path)
    assert not (tmp_path / told["cwd"]).exists()


def test_a_converter_cannot_install_and_does_not_see_posekits_packages(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/somewhere/else")
    run(tmp_path, REPORT, report=tmp_path / "told.json")
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["env"] == {"PIP_REQUIRE_VIRTUALENV": "1", "PIP_NO_INDEX": "1", "PYTHONPATH": None}
    assert "/somewhere/else" not in told["path"]


def test_the_last_line_of_a_failed_converter_is_the_error(tmp_path):
    with pytest.raises(ExportError, match=r"format=paddle: the converter in .* failed: ValueError: no such operator$"):
        run(tmp_path, "print('working')\nraise ValueError('no such operator')")
    with pytest.raises(ExportError, match="it ended with status 3"):
        run(tmp_path, "raise SystemExit(3)")


def test_an_environment_without_the_packages_is_answered_by_the_command_that_makes_one(tmp_path):
    with pytest.raises(
        ExportError, match=r"No module named 'x2paddl'; .*python3.11 -m venv posekit-paddle && .*paddle.txt"
    ):
        run(tmp_path, "import x2paddl")


def test_a_format_without_an_interpreter_says_how_one_is_made(tmp_path):
    with pytest.raises(SettingError, match=r"make its environment once \(python3.11 .*\), then pass converter_python="):
        run(tmp_path, "", python=None)
    with pytest.raises(SettingError, match="converter_python=/none/python: there is no such program"):
        run(tmp_path, "", python="/none/python")
