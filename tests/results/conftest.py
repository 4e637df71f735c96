"""The recorded picture with its detections, in every form."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from posekit.results.results import Results

GOLDEN = Path(__file__).parents[1] / "golden" / "val"
NAMES = {0: "cat", 1: "dog", 2: "bird", 3: "unused"}
FORMS = {
    "detect": {"boxes": "boxes"},
    "pose": {"boxes": "boxes", "keypoints": "kpts17"},
    "pose_xy_only": {"boxes": "boxes", "keypoints": "kpts5"},
    "segment": {"boxes": "boxes", "masks": "masks"},
    "track": {"boxes": "tracked", "keypoints": "kpts17"},
    "multitask": {"boxes": "boxes", "keypoints": "kpts17", "masks": "masks"},
}


@pytest.fixture(scope="session")
def golden_val():
    return GOLDEN


@pytest.fixture(scope="session")
def arrays():
    with np.load(GOLDEN / "results.npz") as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="session")
def recorded():
    return json.loads((GOLDEN / "results.json").read_text())


@pytest.fixture
def build(arrays):
    """Return a function that builds the result of one recorded form, of tensors or of arrays."""

    def build_form(form: str, kind: str = "torch") -> Results:
        if form == "empty":
            parts = {"boxes": np.zeros((0, 6), np.float32), "keypoints": np.zeros((0, 17, 3), np.float32)}
        else:
            parts = {part: arrays[name].copy() for part, name in FORMS[form].items()}
        if kind == "torch":
            parts = {part: torch.from_numpy(values) for part, values in parts.items()}
        return Results(arrays["image"].copy(), "street.jpg", NAMES, **parts)

    return build_form
