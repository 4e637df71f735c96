"""Several processes measure together what one measures alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import posekit
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_yolo_dataset
from posekit.engine import distributed
from posekit.errors import SettingError

SCRIPT = """
import json, sys
from pathlib import Path
from posekit import YOLO
from posekit.engine import distributed

model, data, out = sys.argv[1:]
metrics = YOLO(model).val(data=data, imgsz=128, batch=2, conf=0.01, device="cpu", plots=False, save_json=True)
answer = metrics.results_dict | {"seen": metrics.seen, "elbow": metrics.keypoints.rows()[7]["labelled"]}
answer["rows"] = 0
if distributed.rank() == 0:
    answer["rows"] = len(json.loads((Path(metrics.save_dir) / "predictions.json").read_text()))
Path(f"{out}-{distributed.rank()}.json").write_text(json.dumps(answer))
"""


def test_alone_a_process_is_the_first_of_one():
    assert (distributed.rank(), distributed.world_size(), distributed.gather("part")) == (0, 1, ["part"])


@pytest.mark.parametrize("device", [None, "cpu", "0", "0,1"])
def test_alone_the_device_is_the_one_that_was_asked_for(device):
    assert distributed.join_processes(device) == device


@pytest.mark.parametrize("device", ["0", "0,1", "mps", "-1"])
def test_every_process_needs_a_gpu_of_its_own(monkeypatch, device):
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(SettingError, match=f"device={device}: 3 processes need a GPU each: name as many"):
        distributed.join_processes(device)


def test_a_gpu_that_is_not_here_is_told_before_processes_wait_for_each_other(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    with pytest.raises(SettingError, match=r"device=98: (PyTorch .* sees no CUDA device|CUDA devices here are)"):
        distributed.join_processes("97,98")


def test_two_processes_get_the_numbers_of_one(here, weights, tmp_path):
    data = write_yolo_dataset(tmp_path / "people", train=1, val=7, settings=SceneSettings(size=(96, 128)))
    script = tmp_path / "measure.py"
    script.write_text(SCRIPT)
    words = [str(script), str(weights()), str(data)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(posekit.__file__).parents[1])}
    subprocess.run([sys.executable, *words, str(tmp_path / "alone")], check=True, env=environment)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run(
        [*launch, *words, str(tmp_path / "pair")], check=True, env=environment, capture_output=True, text=True
    )
    assert done.stdout.count("Pose(P") == 1
    alone = json.loads((tmp_path / "alone-0.json").read_text())
    first, second = (json.loads((tmp_path / f"pair-{rank}.json").read_text()) for rank in (0, 1))
    assert first == pytest.approx(alone, abs=1e-9)
    assert second | {"rows": alone["rows"]} == pytest.approx(alone, abs=1e-9)
