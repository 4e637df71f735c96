import os
import signal
import subprocess
import sys
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
        (["export", "format=onnx"], 1, "has no export mode yet"),
    ],
)
def test_an_error_is_one_line_with_a_status_and_no_traceback(posekit_command, words, status, text):
    done = posekit_command(*words)
    assert done.returncode == status
    assert done.stdout == ""
    (line,) = error_lines(done)
    assert line.startswith("ERROR ")
    assert text in line


@pytest.mark.parametrize(("words", "variables"), [(["--debug"], {}), ([], {"POSEKIT_DEBUG": "1"})])
def test_a_traceback_is_shown_on_demand(posekit_command, words, variables):
    done = posekit_command("predict", "conf=1.5", *words, **variables)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "SettingError" in done.stderr


def test_an_empty_debug_variable_means_no_traceback(posekit_command):
    assert "Traceback" not in posekit_command("export", POSEKIT_DEBUG="").stderr


def test_a_missing_mode_is_predict_with_a_warning_that_lists_the_modes(posekit_command):
    done = posekit_command("pose", "conf=1.5")
    assert done.stderr.splitlines()[0] == (
        "WARNING no mode given: taking predict; modes are train, val, predict, export, track, benchmark"
    )


def test_tolerated_forms_are_warned_of(posekit_command):
    done = posekit_command("predict", "--conf=1.5,", "hide_labels")
    warnings = [line for line in done.stderr.splitlines() if line.startswith("WARNING ")]
    assert any("dashes" in line for line in warnings)
    assert any("comma" in line for line in warnings)
    assert any("show_labels=False" in line for line in warnings)


@pytest.mark.parametrize("words", [["version"], ["help"], ["cfg"], ["settings"], ["predict", "sourc=x"], ["export"]])
def test_quick_commands_do_not_wait_for_heavy_packages(environment, folder, words):
    script = (
        "import sys\nfrom posekit.cli import main\nmain(sys.argv[1:])\n"
        "loaded = {'torch', 'numpy', 'cv2', 'supervision', 'hotcoco'} & sys.modules.keys()\n"
        "print(sorted(loaded), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stderr.splitlines()[-1] == "[]"


def test_main_returns_the_status_and_takes_words(capsys):
    assert main(["version"]) == 0
    assert capsys.readouterr().out.strip()
    assert main(["nonsense"]) == 2


@pytest.mark.usefixtures("capsys")
def test_main_leaves_the_logger_as_it_was():
    import logging

    before = list(logging.getLogger("posekit").handlers)
    main(["version"])
    assert logging.getLogger("posekit").handlers == before


@pytest.mark.filterwarnings("default")
def test_ctrl_c_ends_with_130_and_no_traceback(environment, folder):
    script = (
        "import os, signal, sys, posekit.cli.entry as entry\n"
        "entry.run_command = lambda command: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.exit(entry.main(['version']))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 128 + signal.SIGINT
    assert done.stderr == "ERROR interrupted\n"


def test_an_error_in_the_words_that_nobody_foresaw_is_one_line(environment, folder):
    script = (
        "import sys, posekit.cli.entry as entry\n"
        "entry.read_command = lambda words: 1 / 0\n"
        "sys.exit(entry.main(['version']))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "ERROR ZeroDivisionError: division by zero (run again with --debug for the whole story)\n"


@pytest.mark.parametrize(("words", "status"), [("version", 0), ("nonsense", 2)])
def test_a_program_without_stdout_and_stderr_still_ends_well(environment, folder, words, status):
    command = f"{sys.executable} -m posekit {words} >&- 2>&-"
    done = subprocess.run(["sh", "-c", command], cwd=folder, env=environment, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (status, b"", b"")


def test_an_output_that_takes_no_more_is_one_line(environment, folder):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "posekit", "version"],
            cwd=folder, env=environment, stdout=full, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("ERROR OSError: [Errno 28] No space left on device")


def test_a_reader_that_goes_away_causes_no_traceback(environment, folder):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "posekit", "cfg"],
            cwd=folder, env=environment, stdout=writer, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    finally:
        os.close(writer)
    assert done.returncode == 141
    assert done.stderr == ""
