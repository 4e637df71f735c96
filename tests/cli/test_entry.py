"""The command as a program: exit statuses, one line for every error, and what it does to its process."""

import logging
import os
import signal
from pathlib import Path

import pytest

from posekit.cli.entry import main


def error_lines(done):
    return [line for line in done.stderr.splitlines() if not line.startswith("WARNING ")]


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (["pose", "predct"], 2, "did you mean predict"),
        (["predict", "sourc=x"], 2, "did you mean source?"),
        (["predict", "cnf=0.3"], 2, "conf=0.25"),
        (["predict", "conf"], 2, "write conf=VALUE"),
        (["predict", "conf="], 2, "has no value"),
        (["predict", "imgsz=[320"], 2, "unmatched bracket"),
        (["mode=predct"], 2, "did you mean predict"),
        (["task=poes"], 2, "detect, segment, pose, multitask"),
        (["predict", "cfg=missing.yaml"], 2, "missing.yaml"),
        (["predict", "conf=1.5"], 1, "from 0 to 1"),
        (["predict", "epochs=abc"], 1, "a whole number of at least 1"),
        (["predict", "imgsz=big"], 1, "[height, width]"),
        (["pose", "track", "source=clip.mp4"], 1, "has no track mode yet; the modes of this release are"),
        (["tune"], 2, "not a known word"),
        (["multitask", "predict"], 1, "nobody publishes weights for multitask: train model=yolov8n-multitask.yaml"),
        (["export", "format=onnx"], 2, "export needs model=FILE"),
    ],
)
def test_an_error_is_one_line_with_a_status_and_no_traceback(command, words, status, text):
    done = command(*words)
    assert done.returncode == status
    assert done.stdout == ""
    (line,) = error_lines(done)
    assert line.startswith("ERROR ")
    assert text in line


@pytest.mark.parametrize(("words", "variables"), [(["--debug"], {}), ([], {"POSEKIT_DEBUG": "1"})])
def test_a_traceback_is_shown_on_demand(command, words, variables):
    done = command("predict", "conf=1.5", *words, **variables)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "SettingError" in done.stderr


def test_an_empty_debug_variable_means_no_traceback(command):
    assert "Traceback" not in command("export", "format=onnx", POSEKIT_DEBUG="").stderr


def test_a_missing_mode_is_predict_with_a_warning_that_lists_the_modes(command):
    done = command("pose", "conf=1.5")
    assert done.stderr.splitlines()[0] == (
        "WARNING no mode given: taking predict; modes are train, val, predict, export, track, benchmark"
    )


def test_tolerated_forms_are_warned_of(command):
    done = command("predict", "--conf=1.5,", "hide_labels")
    warnings = [line for line in done.stderr.splitlines() if line.startswith("WARNING ")]
    assert any("dashes" in line for line in warnings)
    assert any("comma" in line for line in warnings)
    assert any("show_labels=False" in line for line in warnings)


def test_quick_commands_do_not_wait_for_heavy_packages(process):
    script = """
import sys
from posekit.cli import main
for words in (["version"], ["help"], ["cfg"], ["settings"], ["predict", "sourc=x"], ["export"]):
    main(words)
    loaded = {"torch", "numpy", "cv2", "supervision", "hotcoco"} & sys.modules.keys()
    assert not loaded, (words, loaded)
"""
    done = process(script=script)
    assert done.returncode == 0, done.stderr


def test_main_takes_words_returns_the_status_and_leaves_the_logger_as_it_was(as_before, capsys):
    before = list(logging.getLogger("posekit").handlers)
    assert main(["version"]) == 0
    assert capsys.readouterr().out.strip()
    assert main(["nonsense"]) == 2
    assert logging.getLogger("posekit").handlers == before


@pytest.mark.parametrize(
    ("given", "found"), [({}, "2000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, None)]
)
def test_threads_of_pytorch_spin_little_unless_the_user_decides(command, monkeypatch, given, found):
    for key in [key for key in os.environ if key.startswith(("OMP_", "GOMP_"))]:
        monkeypatch.delenv(key)
    command("version", **given)
    assert os.environ.get("GOMP_SPINCOUNT") == found


def test_ctrl_c_ends_with_130_and_no_traceback(process):
    script = """
import os, signal, sys, posekit.cli.entry as entry
entry.run_command = lambda command: os.kill(os.getpid(), signal.SIGINT)
sys.exit(entry.main(["version"]))
"""
    done = process(script=script)
    assert (done.returncode, done.stderr) == (128 + signal.SIGINT, "ERROR interrupted\n")


def test_an_error_in_the_words_that_nobody_foresaw_is_one_line(process):
    script = """
import sys, posekit.cli.entry as entry
entry.read_command = lambda words: 1 / 0
sys.exit(entry.main(["version"]))
"""
    done = process(script=script)
    assert done.returncode == 2
    assert done.stderr == "ERROR ZeroDivisionError: division by zero (run again with --debug for the whole story)\n"


@pytest.mark.parametrize(("word", "status"), [("version", 0), ("nonsense", 2)])
def test_a_program_without_stdout_and_stderr_still_ends_well(process, word, status):
    script = "import os, sys; os.execv('/bin/sh', ['sh', '-c', f'{sys.executable} -m posekit {sys.argv[1]} >&- 2>&-'])"
    done = process(word, script=script)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", "")


def test_an_output_that_takes_no_more_is_one_line(process):
    with Path("/dev/full").open("w") as full:
        done = process("version", stdout=full)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("ERROR OSError: [Errno 28] No space left on device")


def test_a_reader_that_goes_away_causes_no_traceback(process):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = process("cfg", stdout=writer)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")
