"""What tests of trainings share: settings of a run of a second, what another process needs, and the last bit."""

import os
from pathlib import Path

import torch

import posekit

SMALL = {"imgsz": 64, "batch": 4, "epochs": 2, "device": "cpu", "workers": 0, "plots": False, "verbose": False}


def environment():
    """Return the environment of a process that trains with one thread: how sums are divided decides their last bits."""
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(posekit.__file__).parents[1])}


def different(one, other, place=""):
    """Return the places where two nests of tensors and plain values are not the same, bit for bit."""
    if isinstance(one, torch.Tensor):
        return [] if torch.equal(one, other) else [place]
    if isinstance(one, list | tuple):
        one, other = dict(enumerate(one)), dict(enumerate(other))
    if not isinstance(one, dict):
        return [] if one == other else [f"{place}: {one} and {other}"]
    if one.keys() != other.keys():
        return [f"{place}: {sorted(one)} and {sorted(other)}"]
    return [found for key in one for found in different(one[key], other[key], f"{place}/{key}")]
