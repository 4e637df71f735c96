"""The recipe of the network that comes with posekit runs from its first to its last line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from posekit.checkpoint.checkpoint import read_checkpoint

RECIPE = Path(__file__).parents[1] / "recipes" / "figures_pose.py"


@pytest.mark.parametrize("first", [False, True])
def test_the_recipe_makes_a_file_for_everybody(tmp_path, first):
    words = ["--pictures", "8", "8", "--epochs", "1", "1", "--imgsz", "64", "--val", "4"]
    if first:
        from posekit import YOLO

        YOLO("yolo11n-pose.yaml").save(tmp_path / "first.pt")
        words += ["--first", "first.pt"]
    done = subprocess.run(
        [sys.executable, RECIPE, "--out", "made.pt", "--runs", "runs", *words],
        cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    checkpoint = read_checkpoint(tmp_path / "made.pt")
    assert checkpoint.license == "Apache-2.0"
    assert str(tmp_path) not in repr((checkpoint.settings, checkpoint.metadata, checkpoint.definition))
