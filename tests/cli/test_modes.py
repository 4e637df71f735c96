"""``posekit predict``, ``train`` and ``val``: what is said and written, and one line for a mistake."""

import os
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
import yaml

from posekit import YOLO
from small_networks import small_definition

SMALL = ("source=figures:2", "imgsz=64")


@pytest.fixture
def default_model(folder):
    """Untrained weights under the name that a pose command takes by default."""
    path = folder / "yolo26n-pose.pt"
    YOLO("yolo26n-pose.yaml").save(path)
    return path


def test_drawn_pictures_are_saved_and_the_last_line_says_where(command, folder):
    done = command("pose", "predict", "model=yolov8n-pose.yaml", *SMALL)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("image 1/2 ")
    assert lines[-1].replace("\\", "/") == "Results saved to runs/pose/predict"
    assert len(list((folder / "runs" / "pose" / "predict").glob("*.jpg"))) == 2


def test_save_false_writes_nothing_and_verbose_false_says_nothing(command, folder):
    done = command("predict", "model=yolov8n-pose.yaml", "save=False", "verbose=False", *SMALL)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(folder.iterdir()) == []


def test_without_mode_and_model_the_defaults_are_named_in_warnings(command, folder):
    done = command("source=figures:2")
    assert done.returncode == 0
    warnings = done.stderr.splitlines()
    assert warnings[0].startswith("WARNING no mode given: taking predict")
    assert warnings[1].startswith("WARNING no model given: taking figures-pose.pt, which comes with posekit")
    assert "name a real one with model=FILE" in warnings[1]
    assert len(warnings) == 2


def test_without_a_model_drawn_people_are_found_offline(command, folder):
    done = command("predict", "source=figures:3", "save_txt=True")
    assert done.returncode == 0
    rows = [path.read_text().splitlines() for path in (folder / "runs" / "pose" / "predict" / "labels").glob("*.txt")]
    assert len(rows) == 3
    assert all(len(row.split()) == 1 + 4 + 17 * 3 for found in rows for row in found)


@pytest.mark.parametrize("task", ["detect", "segment"])
def test_without_a_model_other_tasks_take_their_published_one(command, folder, task):
    (folder / "other").mkdir()
    done = command(task, "predict", "source=other")
    assert f"no model given: taking yolo26n{'' if task == 'detect' else '-seg'}.pt" in done.stderr


def test_a_task_that_differs_from_the_models_is_one_warning(command, default_model):
    done = command("detect", "predict", f"model={default_model}", *SMALL)
    assert done.returncode == 0
    (warning,) = done.stderr.splitlines()
    assert warning.startswith("WARNING task=detect")


def test_settings_of_a_cfg_file_count(command, folder):
    lines = ("mode: predict", "model: yolov8n-pose.yaml", "source: figures:1", "imgsz: 64", "name: mine")
    (folder / "my.yaml").write_text("\n".join(lines))
    done = command("cfg=my.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / "runs" / "pose" / "mine").is_dir()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["model=missing/weights.pt"], "missing/weights.pt"),
        (["model=yolov8n-pose.yaml", "source=missing.jpg"], "missing.jpg"),
        (["model=yolov9z-pose.yaml"], "yolov9z-pose.yaml"),
    ],
)
def test_a_missing_file_is_one_line_with_its_name(command, words, text):
    done = command("predict", *words)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("ERROR ")
    assert text in line.replace("\\", "/")


def test_names_that_the_terminal_cannot_show_do_no_harm(process, folder):
    picture = cv2.imencode(".jpg", np.zeros((64, 64, 3), np.uint8))[1].tobytes()
    for name in (b"\xe6\x97\xa5.jpg", b"bad\xff.jpg", b"color\x1b[31m.jpg"):
        (folder / os.fsdecode(name)).write_bytes(picture)
    words = ["predict", "model=yolov8n-pose.yaml", "source=.", "imgsz=64"]
    done = process(*words, variables={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split(": ")[0].rpartition("/")[2] for line in done.stdout.splitlines()[:3]] == [
        "bad\\udcff.jpg", "color\\x1b[31m.jpg", "\\u65e5.jpg",
    ]  # fmt: skip


def test_a_stream_that_does_not_answer_is_one_line(process):
    """OpenCV and FFmpeg keep quiet."""
    done = process("predict", "model=yolov8n-pose.yaml", "source=rtsp://127.0.0.1:9/x", "imgsz=64")
    assert done.returncode == 1
    assert done.stderr == "ERROR rtsp://127.0.0.1:9/x: no stream can be read at this address\n"


def test_a_user_who_wants_to_hear_them_does(process):
    words = ["predict", "model=yolov8n-pose.yaml", "source=rtsp://127.0.0.1:9/x", "imgsz=64"]
    done = process(*words, variables={"OPENCV_LOG_LEVEL": "WARNING"})
    assert len(done.stderr.splitlines()) > 1


QUICK = ["epochs=1", "imgsz=64", "batch=4", "workers=0", "device=cpu", "plots=False"]


def errors_of(stderr):
    return [line for line in stderr.splitlines() if line.startswith("ERROR")]


def test_it_trains_from_a_definition_with_the_weights_of_a_file(weights, people, folder, command):
    (folder / "yolov8n-pose.yaml").write_text(yaml.safe_dump(small_definition()))
    done = command("pose", "train", f"data={people}", "model=yolov8n-pose.yaml", f"pretrained={weights()}", *QUICK)
    assert done.returncode == 0, done.stderr
    assert "Transferred " in done.stdout
    assert "Pose(P" in done.stdout
    assert (folder / "runs/pose/train/weights/best.pt").is_file()


def test_training_on_a_data_set_without_keypoints_is_one_line(weights, people, folder, command):
    content = yaml.safe_load(people.read_text())
    del content["kpt_shape"]
    people.write_text(yaml.safe_dump(content))
    done = command("pose", "train", f"data={people}", f"model={weights()}", *QUICK)
    assert done.returncode == 1
    (line,) = errors_of(done.stderr)
    assert "No `kpt_shape` in the " in line
    assert str(people) in line
    assert not (folder / "runs").exists()


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [(["model=missing.pt", "epoch=3"], 2, "did you mean epochs"), (["model=missing.pt", "epochs=abc"], 1, "epochs=")],
)
def test_a_typo_in_a_training_is_told_before_anything_is_loaded(command, words, status, text):
    done = command("pose", "train", *words)
    assert done.returncode == status
    (line,) = errors_of(done.stderr)
    assert text in line


def test_ctrl_c_keeps_the_last_epoch_and_says_how_to_go_on(weights, people, folder, command):
    words = ["pose", "train", f"data={people}", f"model={weights()}", *QUICK, "epochs=1000", "patience=0"]
    last = folder / "runs/pose/train/weights/last.pt"
    process = subprocess.Popen(
        [sys.executable, "-m", "posekit", *words], cwd=folder,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not last.is_file() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    (line,) = errors_of(stderr)
    name = "runs/pose/train/weights/last.pt"
    assert line == f"ERROR interrupted; go on with: posekit train resume={name}"
    assert "Traceback" not in stderr
    done_epochs = len((folder / "runs/pose/train/results.csv").read_text().splitlines()) - 1
    done = command("train", f"resume={name}", f"epochs={done_epochs + 1}", "verbose=False")
    assert done.returncode == 0, done.stderr
    assert len((folder / "runs/pose/train/results.csv").read_text().splitlines()) - 1 in (done_epochs, done_epochs + 1)


def test_a_validation_prints_the_table(weights, people, command):
    done = command("val", "pose", f"model={weights()}", f"data={people}", "device=cpu", "batch=1", "plots=False")
    assert done.returncode == 0, done.stderr
    assert "Pose(P" in done.stdout
    assert "all          4" in done.stdout


def test_figures_of_a_validation_are_drawn_unless_told_otherwise(weights, people, folder, command):
    done = command("pose", "val", f"model={weights()}", f"data={people}")
    assert "Results saved to runs/pose/val" in done.stdout
    assert (folder / "runs/pose/val/PosePR_curve.png").is_file()


def test_without_data_the_one_remembered_by_the_model_is_taken(people, weights, tmp_path, command):
    model = YOLO(weights())
    model.loaded.settings["data"] = str(people)
    model.save(tmp_path / "trained.pt")
    done = command("pose", "val", f"model={tmp_path / 'trained.pt'}", "plots=False")
    assert "all          4" in done.stdout


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"kpt_shape": None}, "No `kpt_shape` in the "),
        ({"download": "bash get.sh", "val": "elsewhere"}, "bash get.sh"),
    ],
)
def test_a_wrong_data_set_is_one_line_of_what_is_wrong(change, text, weights, people, folder, command):
    content = {key: value for key, value in (yaml.safe_load(people.read_text()) | change).items() if value is not None}
    people.write_text(yaml.safe_dump(content))
    done = command("pose", "val", f"model={weights()}", f"data={people}")
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if not line.startswith("WARNING")]
    assert len(errors) == 1
    assert text in errors[0]
    assert not (folder / "runs").exists()


def test_a_typo_in_a_validation_is_told_before_anything_is_loaded(command):
    done = command("pose", "val", "model=missing.pt", "splt=test")
    assert done.returncode == 2
    assert "split" in done.stderr


def test_a_benchmark_prints_its_table_and_fails_where_accuracy_is_too_low(command, weights, people):
    words = (f"model={weights()}", f"data={people}", "imgsz=60", "format=torchscript", "int8=True", "verbose=0.99")
    done = command("benchmark", *words)
    assert done.returncode == 1
    title, header, *rows, saved = done.stdout.splitlines()
    assert title.endswith((" thread", " threads"))
    assert ": imgsz 64, batch 1, 8 bits, 4 pictures of data.yaml; " in title
    assert header.split()[:2] == ["Format", "mAP50-95(P)"]
    assert [row.split()[0] for row in rows] == ["pytorch", "torchscript"]
    assert "not possible: format=torchscript has no int8" in rows[1]
    assert saved.startswith("Results saved to ")
    warning, error = done.stderr.splitlines()
    assert warning.startswith("WARNING imgsz")
    assert error.startswith("ERROR verbose=0.99 demands metrics/mAP50-95(P) above that: pytorch 0.")
