"""``posekit train``: from a definition, from weights, and on after an interruption."""

import os
import signal
import subprocess
import sys
import time

import pytest
import yaml

from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_yolo_dataset
from small_networks import small_definition

QUICK = ["epochs=1", "imgsz=64", "batch=4", "workers=0", "device=cpu", "plots=False"]


@pytest.fixture
def people(tmp_path):
    return write_yolo_dataset(tmp_path / "people", train=4, val=2, settings=SceneSettings(size=(64, 64)))


def errors_of(stderr):
    return [line for line in stderr.splitlines() if line.startswith("ERROR")]


def test_it_trains_from_a_definition_with_the_weights_of_a_file(weights, people, folder, posekit_command):
    (folder / "yolov8n-pose.yaml").write_text(yaml.safe_dump(small_definition()))
    done = posekit_command(
        "pose", "train", f"data={people}", "model=yolov8n-pose.yaml", f"pretrained={weights()}", *QUICK
    )
    assert done.returncode == 0, done.stderr
    assert "Transferred " in done.stdout
    assert "Pose(P" in done.stdout
    assert (folder / "runs/pose/train/weights/best.pt").is_file()


def test_a_data_set_without_keypoints_is_one_line(weights, people, folder, posekit_command):
    content = yaml.safe_load(people.read_text())
    del content["kpt_shape"]
    people.write_text(yaml.safe_dump(content))
    done = posekit_command("pose", "train", f"data={people}", f"model={weights()}", *QUICK)
    assert done.returncode == 1
    (line,) = errors_of(done.stderr)
    assert "No `kpt_shape` in the " in line
    assert str(people) in line
    assert not (folder / "runs").exists()


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [(["model=missing.pt", "epoch=3"], 2, "did you mean epochs"), (["model=missing.pt", "epochs=abc"], 1, "epochs=")],
)
def test_a_typo_is_told_before_anything_is_loaded(posekit_command, words, status, text):
    done = posekit_command("pose", "train", *words)
    assert done.returncode == status
    (line,) = errors_of(done.stderr)
    assert text in line


def test_ctrl_c_keeps_the_last_epoch_and_says_how_to_go_on(weights, people, folder, environment, posekit_command):
    words = ["pose", "train", f"data={people}", f"model={weights()}", *QUICK, "epochs=1000", "patience=0"]
    last = folder / "runs/pose/train/weights/last.pt"
    process = subprocess.Popen(
        [sys.executable, "-m", "posekit", *words], cwd=folder, env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not last.is_file() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    (line,) = errors_of(stderr)
    name = "runs/pose/train/weights/last.pt"
    assert line == f"ERROR interrupted; go on with: posekit train resume={name}"
    assert "Traceback" not in stderr
    done_epochs = len((folder / "runs/pose/train/results.csv").read_text().splitlines()) - 1
    done = posekit_command("train", f"resume={name}", f"epochs={done_epochs + 1}", "verbose=False")
    assert done.returncode == 0, done.stderr
    assert len((folder / "runs/pose/train/results.csv").read_text().splitlines()) - 1 in (done_epochs, done_epochs + 1)
