"""``device=`` with several devices: one command or call, one process per device, here on the processor."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml

from posekit import YOLO
from posekit.checkpoint.checkpoint import read_checkpoint
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_yolo_dataset
from posekit.engine.results_csv import read_results
from posekit.errors import SettingError
from posekit.tasks import PoseTrainer
from small_networks import SMALL, environment, small_definition

PAIR = SMALL | {"device": "cpu,cpu"}
ERROR = "ERROR interrupted; go on with: posekit train resume=runs/pose/train/weights/last.pt"


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "people"
    return str(write_yolo_dataset(folder, train=10, val=5, settings=SceneSettings(size=(64, 64), people=(1, 2))))


@pytest.fixture
def definition(tmp_path):
    path = tmp_path / "yolov8n-pose.yaml"
    path.write_text(yaml.safe_dump(small_definition()))
    return path


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def processes_of(folder):
    """Return the numbers of the processes that work in a folder, but for this one."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdecimal() and int(path.name) != os.getpid():
            try:
                if (path / "cwd").samefile(folder) and (path / "cmdline").read_bytes():
                    found.append(int(path.name))
            except OSError:
                continue
    return found


def wait_until(done, seconds=120):
    until = time.monotonic() + seconds
    while not done() and time.monotonic() < until:
        time.sleep(0.05)
    assert done()


def test_training_ends_as_if_it_had_been_done_here(definition, people, here, capfd, weights):
    """Three batches of two in each process, where one process would have three of four."""
    source = YOLO(weights())
    model = YOLO(definition).load(source)
    first = model.model.get_parameter("model.0.conv.weight").detach().clone()
    still = {"lr0": 0.0, "optimizer": "SGD", "weight_decay": 0.0, "warmup_bias_lr": 0.0}
    metrics = model.train(data=people, rect=True, **(PAIR | still | {"batch": 5}))
    assert metrics is model.metrics
    assert metrics.seen == 5
    assert model.trainer.last == Path("runs/pose/train/weights/last.pt")
    assert model.ckpt_path == str(model.trainer.best)
    rows = read_results(model.trainer.csv)
    assert [row["epoch"] for row in rows] == [1, 2]
    assert [row["epoch"] for row in model.trainer.rows] == [1, 2]
    assert (model.trainer.epoch, model.trainer.epochs, model.trainer.batch_size) == (1, 2, 4)
    assert model.trainer.loss_names == ("box_loss", "pose_loss", "kobj_loss", "cls_loss", "dfl_loss")
    assert model.trainer.args.optimizer == "SGD"
    assert torch.equal(model.model.get_parameter("model.0.conv.weight"), first.half().float())
    assert torch.equal(model.trainer.model.get_parameter("model.0.conv.weight"), first.half().float())
    said = capfd.readouterr().err.splitlines()
    assert "WARNING batch=5: 2 processes take 2 pictures each" in said
    assert said.count("WARNING rect=True has no effect: several processes train on squares") == 1
    assert not any("Warning" in line for line in said)
    assert processes_of(here) == []


def test_validation_gives_the_numbers_of_one_process(weights, people, here, capfd):
    model = YOLO(weights())
    settings = {"data": people, "imgsz": 64, "batch": 2, "conf": 0.01, "plots": False}
    alone = model.val(device="cpu", **settings)
    pair = model.val(device=["cpu", "cpu"], save_json=True, **settings)
    assert pair.results_dict == pytest.approx(alone.results_dict | pair.coco, abs=1e-9)
    assert (pair.seen, str(pair.keypoints)) == (5, str(alone.keypoints))
    assert (Path(pair.save_dir) / "predictions.json").is_file()
    assert "Warning" not in capfd.readouterr().err


SCRIPT = """
import sys
from posekit import YOLO

model = YOLO(sys.argv[1])
metrics = model.train(data=sys.argv[2], imgsz=64, batch=4, epochs=1, device="cpu,cpu", workers=0, plots=False)
print("fitness", metrics.fitness)
"""


def test_a_script_needs_no_guard(definition, people, here, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    words = [sys.executable, str(tmp_path / "script.py"), str(definition), people]
    done = subprocess.run(words, env=environment(), cwd=here, capture_output=True, text=True, check=True)
    assert [done.stdout.count(text) for text in ("starting 2 processes", "epoch 1/1", "fitness")] == [1, 1, 1]
    assert "Warning" not in done.stderr


def test_an_error_is_the_one_that_a_single_process_raises(definition, people, here, capfd):
    with pytest.raises(SettingError, match="batch=-1: a size cannot be found for several devices"):
        YOLO(definition).train(**(PAIR | {"data": people, "batch": -1}))
    assert "Traceback" not in capfd.readouterr().err


class Mine(PoseTrainer):
    """A trainer class of a script."""


def test_code_of_the_script_is_refused(definition, people, here):
    model = YOLO(definition)
    with pytest.raises(SettingError, match="the class Mine"):
        model.train(trainer=Mine, data=people, **PAIR)
    model.add_callback("on_val_end", print)
    for run in (model.train, model.val):
        with pytest.raises(SettingError, match=r"callbacks of on_val_end.*torchrun --nproc_per_node 2"):
            run(data=people, device="cpu,cpu")
    assert list(here.iterdir()) == []


def test_devices_that_are_not_here_are_told_before_anything_is_started(definition, people, here):
    for run in (YOLO(definition).train, YOLO(definition).val):
        with pytest.raises(SettingError, match=r"device=7[78]: (PyTorch .* sees no CUDA device|CUDA devices here are)"):
            run(data=people, device="77,78")


def begin(definition, people, folder):
    """Begin a long training with the command; return it once its first epoch is over."""
    words = [f"model={definition}", f"data={people}", *(f"{key}={value}" for key, value in PAIR.items())]
    process = subprocess.Popen(
        [sys.executable, "-m", "posekit", "pose", "train", *words, "epochs=1000", "patience=0"],
        cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    last = folder / "runs/pose/train/weights/last.pt"
    wait_until(lambda: last.is_file() or process.poll() is not None)
    assert len(processes_of(folder)) == 3
    return process


def test_ctrl_c_ends_all_and_the_run_goes_on_later(definition, people, here):
    process = begin(definition, people, here)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr.splitlines() == [ERROR]
    assert processes_of(here) == []
    done = len(read_results(here / "runs/pose/train/results.csv"))
    model = YOLO(here / "runs/pose/train/weights/last.pt")
    model.train(resume=True, epochs=done + 1)
    assert model.trainer.args.device == "cpu,cpu"
    assert len(read_results(here / "runs/pose/train/results.csv")) == done + 1
    assert read_checkpoint(here / "runs/pose/train/weights/last.pt").training == {}


def test_when_one_is_killed_the_others_end_with_one_line(definition, people, here):
    process = begin(definition, people, here)
    others = [number for number in processes_of(here) if number != process.pid]
    os.kill(max(others), signal.SIGKILL)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert stderr.startswith("ERROR process 2 of 2 was ended by SIGKILL, and the others with it")
    assert stderr.count("\n") == 1, stderr
    assert processes_of(here) == []
    assert read_checkpoint(here / "runs/pose/train/weights/last.pt").training["epoch"] >= 0


def test_no_process_and_no_file_outlives_the_one_that_has_started_them(definition, people, here, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    process = begin(definition, people, here)
    assert list(tmp_path.glob("posekit-*"))
    process.kill()
    process.communicate()
    wait_until(lambda: processes_of(here) == [])
    assert list(tmp_path.glob("posekit-*")) == []
