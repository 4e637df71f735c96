"""Offline runs of Weights & Biases, and a server that cannot be reached."""

import os
import subprocess
import sys

import pytest
import wandb

from engine.loggers.runs import new_run, train
from posekit.config.user import UserSettings
from posekit.engine.loggers import open_loggers

ON = UserSettings(wandb=True)


@pytest.fixture(autouse=True)
def offline(tmp_path, monkeypatch):
    """Nothing is sent anywhere, and nothing of the user's is read."""
    for name, value in (("MODE", "offline"), ("SILENT", "true"), ("ERROR_REPORTING", "false"), ("CONSOLE", "off")):
        monkeypatch.setenv(f"WANDB_{name}", value)
    for name in ("CONFIG_DIR", "CACHE_DIR", "DATA_DIR", "ARTIFACT_DIR"):
        monkeypatch.setenv(f"WANDB_{name}", str(tmp_path / "own"))


def stored(folder):
    """Return the bytes of all offline runs, once the package has written them; texts stand in them as they are."""
    wandb.teardown()
    return [path.read_bytes() for path in sorted(folder.glob("wandb/offline-run-*/run-*.wandb"))]


def test_settings_values_and_files_are_stored(tmp_path):
    folder = tmp_path / "train7"
    train(new_run(folder, project="fish"), open_loggers(ON))
    (content,) = stored(folder)
    for text in (b"fish", b"train7", b"lr0", b"metrics/mAP50-95(P)", b"train/box_loss", b"best.pt", b"results.csv"):
        assert text in content
    (figure,) = folder.glob("wandb/offline-run-*/files/media/images/figures/results_*.png")
    assert figure.read_bytes() == (folder / "results.png").read_bytes()


def test_a_resumed_training_goes_on_with_its_run(tmp_path):
    train(new_run(tmp_path), open_loggers(ON), until=2, ends=False)
    first = (tmp_path / "wandb_run.txt").read_text()
    train(new_run(tmp_path, epochs=2), open_loggers(ON), until=4)
    assert (tmp_path / "wandb_run.txt").read_text() == first
    assert all(first.encode() in content for content in stored(tmp_path))


def test_a_server_that_cannot_be_reached_costs_one_warning(tmp_path):
    """In a process of its own: the package reads its variables once."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from engine.loggers.runs import new_run, train\n"
        "from posekit.config.user import UserSettings\n"
        "from posekit.engine.loggers import open_loggers\n"
        "train(new_run(Path(sys.argv[1])), open_loggers(UserSettings(wandb=True)))\n"
    )
    unreachable = {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "WANDB_MODE": "online",
        "WANDB_API_KEY": "0" * 40,
        "WANDB_BASE_URL": "http://127.0.0.1:9",
        "WANDB_INIT_TIMEOUT": "2",
    }
    command = [sys.executable, "-c", code, str(tmp_path / "train")]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | unreachable).stderr
    start = "Weights & Biases: nothing more is logged to it, the training goes on ("
    assert [line.startswith(start) for line in said.splitlines() if "Biases" in line] == [True]
    assert (tmp_path / "train" / "results.csv").is_file()
