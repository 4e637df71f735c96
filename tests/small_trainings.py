"""What tests of trainings share: settings of a run of a second, and what another process needs."""

import os
from pathlib import Path

import posekit

SMALL = {"imgsz": 64, "batch": 4, "epochs": 2, "device": "cpu", "workers": 0, "plots": False, "verbose": False}


def environment():
    """Return the environment of a process that trains with one thread: how sums are divided decides their last bits."""
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(posekit.__file__).parents[1])}
